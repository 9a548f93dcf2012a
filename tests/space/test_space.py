from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stating import Packed, between, images, seeded, tokens, twice

from cpruner.errors import InputError
from cpruner.space import PruningSpace, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
SPACE = trace(NET["residual"].build(), NET["residual"].inputs())


@cache
def space(multiple_of: int, min_width: int) -> PruningSpace:
    return trace(NET["dense block"].build(), NET["dense block"].inputs(), multiple_of=multiple_of, min_width=min_width)


@pytest.mark.parametrize(
    ("multiple_of", "min_width", "ratio", "widths"),
    [
        (1, 1, 0.5, (3, 2, 2)),
        (1, 1, 0.0, (1, 1, 1)),
        (1, 3, 0.0, (3, 3, 3)),
        (1, 5, 0.0, (5, 4, 4)),
        (4, 1, 0.0, (4, 4, 4)),
        (4, 1, 0.8, (4, 4, 4)),
        (4, 1, 0.9, (6, 4, 4)),
        (4, 1, 1.0, (6, 4, 4)),
        (2, 3, 0.0, (4, 4, 4)),
        (64, 1, 0.1, (6, 4, 4)),
    ],
)
def test_widths_by_hand(multiple_of: int, min_width: int, ratio: float, widths: tuple[int, ...]) -> None:
    """Groups of 6, 4 and 4 channels."""
    assert space(multiple_of, min_width).uniform(ratio).widths == widths


@given(st.integers(1, 9), st.integers(1, 9), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_widths_are_legal_and_nearest(multiple_of: int, min_width: int, ratios: list[float]) -> None:
    found = space(multiple_of, min_width)
    for size, ratio, width in zip(found.sizes, ratios, found.widths(ratios), strict=True):
        legal = [k for k in range(min_width, size) if k % multiple_of == 0] + [size]
        assert width in legal
        assert abs(width - ratio * size) == min(abs(k - ratio * size) for k in legal)


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.floats(0, 1))
def test_uniform_is_monotone_in_the_ratio(multiple_of: int, min_width: int, one: float, other: float) -> None:
    found = space(multiple_of, min_width)
    small, large = found.uniform(min(one, other)), found.uniform(max(one, other))
    for few, many in zip(small.kept, large.kept, strict=True):
        assert set(few) <= set(many)
    assert found.count(small).flops <= found.count(large).flops
    assert found.count(small).params <= found.count(large).params


def test_dense_keeps_everything_and_so_does_ratio_one() -> None:
    for multiple_of in (1, 4, 64):
        found = space(multiple_of, 1)
        assert found.dense().widths == found.sizes == found.uniform(1.0).widths
    assert SPACE.smallest().widths == (1, 1)


def test_at_takes_one_ratio_per_group() -> None:
    assert SPACE.at([0.5, 1.0]).widths == (4, 6)


@pytest.mark.parametrize("ratios", [[], [0.5], [0.5] * 3])
def test_a_wrong_number_of_ratios(ratios: list[float]) -> None:
    with pytest.raises(InputError, match=f"expected 2 numbers, got {len(ratios)}"):
        SPACE.at(ratios)


@pytest.mark.parametrize("ratio", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_ratio_outside_the_interval_names_its_group(ratio: float) -> None:
    with pytest.raises(InputError, match=r"sum\.branches\.inner\.a"):
        SPACE.at([0.5, ratio])


def test_random_is_drawn_from_the_given_generator() -> None:
    one, other = (SPACE.random(np.random.default_rng(3)) for _ in range(2))
    assert one == other
    assert one.plan is SPACE.plan
    seen = {SPACE.random(generator).widths for generator in [np.random.default_rng(0)] for _ in range(300)}
    assert {width for width, _ in seen} == set(range(1, 9))
    assert all(SPACE.random(np.random.default_rng(seed), low=0.75).widths >= (6, 4) for seed in range(20))


def test_ranked_decides_who_stays() -> None:
    again = SPACE.ranked((tuple(range(8)), tuple(range(5, -1, -1))))
    assert again.uniform(0.5).kept == ((0, 1, 2, 3), (3, 4, 5))
    assert again.plan is SPACE.plan


def test_rounded_says_where_and_why_another_width_is_taken() -> None:
    """Groups of 6, 4 and 4 channels."""
    assert space(1, 1).rounded([0.5, 0.5, 0.5]) == ""
    lines = space(4, 1).rounded([0.5, 0.5, 1.0]).splitlines()
    assert lines == [
        "stem: asked 3 of 6, got 4, because widths are multiples of 4 (asked for)",
        "first.branch: asked 2 of 4, got 4, because widths are multiples of 4 (asked for) and "
        "the whole group is as near",
    ]
    assert space(1, 3).rounded([0.0, 1.0, 1.0]) == "stem: asked 0 of 6, got 3, because at least 3 stay"
    assert space(1, 1).rounded([0.0, 1.0, 1.0]) == "stem: asked 0 of 6, got 1, because at least one stays"


def test_widths_of_heads_come_in_steps_of_their_rows() -> None:
    """A head of four rows: a multiple of eight channels is two heads."""
    found = trace(seeded(lambda: between(Packed(heads=4, dim=4))), tokens(), multiple_of=8)
    assert [group.size for group in found.groups] == [8, 4, 4, 4, 8]
    assert found.widths([0.5, 0.4, 0.4, 0.9, 1.0]) == (8, 2, 4, 4, 8)


def test_printing_shows_groups_sizes_and_reasons() -> None:
    lines = str(SPACE).splitlines()
    assert lines[0] == "2 groups, 14 channels"
    assert lines[1].split() == ["stem", "8", "channels,", "8", "tensor", "axes"]
    assert lines[2].split() == ["sum.branches.inner.a", "6", "channels,", "6", "tensor", "axes"]
    assert lines[3] == "3 tensor axes keep channels:"
    assert "  stem.weight[1]: 3 of 3 stay: reads a tensor of fixed size" in lines
    assert "  head.weight[0]: 5 of 5 stay: output of the network" in lines


def test_printing_leaves_out_the_long_parts() -> None:
    assert "plan" not in repr(SPACE)
    assert "ranking" not in repr(SPACE)


def test_printing_shows_what_runs_a_program() -> None:
    lines = str(trace(seeded(lambda: between(Packed())), tokens())).splitlines()
    assert "1 modules run a program instead of their own code:" in lines
    assert lines[-1] == "  1: 'view' states a size of this axis"
    whole = str(trace(seeded(twice), images())).splitlines()
    assert whole[-1].startswith("  the model: 'move' inside it cannot be rewritten alone")
