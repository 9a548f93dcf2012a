import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_task import space

from cpruner.env import PruningProblem
from cpruner.env.action import Actions
from cpruner.errors import InputError

RANKED = space().ranked(((2, 0, 3, 1), (5, 4, 3, 2, 1, 0), (0, 1, 2, 3, 4, 5, 6, 7)))


def read_by(action: str, **options: float) -> Actions:
    return Actions.of(PruningProblem(action=action, **options), RANKED)


def test_a_ratio_is_clipped_to_the_legal_interval() -> None:
    actions = read_by("ratio", lowest=0.25)
    assert [actions.read(np.array([a]), 0) for a in (-1.0, 0.3, 7.0)] == [(0.25, ()), (0.3, ()), (1.0, ())]
    assert (actions.size, actions.masks) == (1, False)


def test_levels_are_evenly_spaced_from_the_lowest_ratio_to_one() -> None:
    actions = read_by("levels", lowest=0.2, levels=5)
    np.testing.assert_allclose(actions.levels, [0.2, 0.4, 0.6, 0.8, 1.0])
    np.testing.assert_allclose(actions.ratios_of(np.array([-0.5, 0.29, 0.31, 0.75, 2.0])), [0.2, 0.2, 0.4, 0.8, 1.0])


def test_the_default_levels_are_those_of_a_categorical_policy_with_eleven() -> None:
    """Its level 0 falls on the lowest ratio, every other one on its own."""
    snapped = read_by("levels").ratios_of(np.linspace(0.0, 1.0, 11))
    np.testing.assert_allclose(snapped, [0.1, *np.arange(1, 11) / 10])


@given(st.floats(-1.0, 2.0), st.integers(2, 20), st.floats(0.0, 1.0))
def test_no_level_is_nearer(action: float, levels: int, lowest: float) -> None:
    actions = read_by("levels", lowest=lowest, levels=levels)
    assert actions.levels is not None
    clipped = min(max(action, lowest), 1.0)
    ratio = actions.read(np.array([action]), 1)[0]
    assert ratio in actions.levels
    assert abs(ratio - clipped) == np.abs(actions.levels - clipped).min()


def test_a_mask_keeps_units_from_one_half_on_highest_first() -> None:
    actions = read_by("mask")
    assert (actions.size, actions.masks) == (8, True)
    ratio, order = actions.read(np.array([0.6, 0.1, 0.5, 0.9, 1.0, 1.0, 1.0, 1.0]), 0)  # a group of 4: the rest is idle
    assert (ratio, order) == (0.75, (3, 0, 2, 1))


def test_units_with_equal_scores_stay_in_the_order_of_the_ranking() -> None:
    actions = read_by("mask")
    assert actions.read(np.array([1.0, 1.0, 0.0, 0.0, 0, 0, 0, 0]), 0) == (0.5, (0, 1, 2, 3))
    assert actions.read(np.ones(8), 0)[1] == (2, 0, 3, 1)
    assert actions.read(np.ones(8), 1)[1] == (5, 4, 3, 2, 1, 0)


def test_a_mask_of_zeros_keeps_the_lowest_ratio() -> None:
    assert read_by("mask", lowest=0.5).read(np.zeros(8), 0) == (0.5, (2, 0, 3, 1))


def test_what_was_executed_reads_as_itself() -> None:
    assert read_by("ratio").executed(0.3, (), 0).tolist() == [0.3]
    actions = read_by("mask")
    mask = actions.executed(0.5, (3, 0, 2, 1), 0)
    assert mask.tolist() == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert actions.read(mask, 0)[0] == 0.5


def test_what_is_no_action_is_refused() -> None:
    with pytest.raises(InputError, match=r"keep ratio of '3'.*got nan"):
        read_by("mask").read(np.array([0.5, np.nan, 0.5, 0.5, 0.5, 0.5]), 1)
    with pytest.raises(InputError, match=r"mask of '3': expected 6 numbers, got 5\. Let the agent act with 8 numbers"):
        read_by("mask").read(np.ones(5), 1)
    assert read_by("mask").read(np.array([1.0] * 6 + [np.nan] * 2), 1)[0] == 1.0  # beyond the group
