import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_task import EXAMPLE, SIZES, flops, network, params, space

from cpruner.env import Countable
from cpruner.env.clipping import Clipped, legal_ratios
from cpruner.space import trace

DENSE = (flops(*SIZES), params(*SIZES))
COARSE = trace(network(), EXAMPLE, multiple_of=2)
proposals = st.lists(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=3), min_size=1, max_size=4)
shares = st.floats(0.02, 1.0)


def clipped(flops_limit: float, params_limit: float = 1e9, lowest: float = 0.1, coarse: bool = False) -> Clipped:
    limits = (("flops", flops_limit), ("params", params_limit))
    countable = Countable(COARSE if coarse else space(), limits)
    return Clipped(countable, lowest, legal_ratios(countable))


def largest(rule: Clipped, decided: list[float], wanted: float, share: float) -> float:
    """By looking at every legal ratio: the largest up to the wanted one with which the narrowest rest fits."""
    countable, step = rule.countable, len(decided)
    floor = rule.lowest if countable.fits_of(np.full((1, 3), rule.lowest), np.full(1, share))[0] else 0.0
    tried = [wanted, floor, *(max(r, floor) for r in rule.table_GW[step] if r <= wanted)]
    rest = [floor] * (2 - step)
    fitting = [r for r in tried if countable.fits_of(np.array([[*decided, r, *rest]]), np.full(1, share))[0]]
    return max(fitting, default=floor)


def test_every_legal_width_is_in_the_table_and_rounds_to_itself() -> None:
    for of in (space(), COARSE):
        table = legal_ratios(Countable(of, ()))
        for group, ratio_W in enumerate(table):
            rounded = {of.widths([ratio] * 3)[group] for ratio in np.linspace(0, 1, 200)}
            assert {round(ratio * SIZES[group]) for ratio in ratio_W} == rounded
            assert [of.widths([r] * 3)[group] for r in ratio_W] == [round(r * SIZES[group]) for r in ratio_W]


def test_the_first_group_takes_what_the_lowest_ratio_of_the_others_leaves() -> None:
    rule = clipped(flops(3, 1, 1))
    assert rule.settle(np.ones((1, 3))).tolist() == [[0.75, 1 / 6, 1 / 8]]
    assert flops(3, 1, 1) == 4412


def test_later_groups_get_what_an_earlier_one_did_not_take() -> None:
    rule = clipped(flops(3, 1, 1))
    found = rule.settle(np.array([[0.5, 1.0, 1.0]]))
    assert found[0, 0] == 0.5
    width = max(b for b in range(1, 7) if flops(2, b, 1) <= flops(3, 1, 1))
    assert found[0, 1] == pytest.approx(width / 6)
    assert width > 1


def test_the_tightest_budget_clips() -> None:
    tight = clipped(flops(*SIZES), params(2, 6, 8))
    assert tight.lower(np.zeros((1, 0)), np.ones(1)).tolist() == [1.0]
    last = tight.settle(np.ones((1, 3)))
    assert params(*space().widths(last[0].tolist())) <= params(2, 6, 8)


def test_without_countable_budgets_nothing_is_clipped() -> None:
    countable = Countable(space(), ())
    rule = Clipped(countable, 0.1, legal_ratios(countable))
    assert rule.lower(np.zeros((2, 0)), np.array([0.3, 1.0])).tolist() == [0.3, 1.0]


def test_where_the_lowest_ratio_costs_too_much_the_narrowest_width_takes_its_place() -> None:
    rule = clipped(flops(1, 1, 2), lowest=0.5)
    assert space().widths(rule.settle(np.ones((1, 3)))[0].tolist()) == (1, 1, 2)
    hopeless = clipped(flops(1, 1, 1) - 1, lowest=0.5)
    assert hopeless.settle(np.ones((1, 3))).tolist() == [[0.0, 0.0, 0.0]]


def test_an_action_is_lowered_to_the_levels_it_may_choose_from() -> None:
    levels = np.array([0.25, 0.5, 0.75, 1.0])
    rule = Clipped(Countable(space(), (("flops", 0.5 * DENSE[0]),)), 0.25, (levels,) * 3)
    for proposal in ([1.0, 1.0, 1.0], [0.75, 1.0, 0.5], [0.25, 0.75, 1.0]):
        found = rule.settle(np.array([proposal]))
        assert set(found[0].tolist()) <= set(levels.tolist())
        assert rule.countable.fits(found[0].tolist())


@settings(max_examples=60)
@given(proposals, st.floats(0.02, 1.2), st.floats(0.02, 1.2), st.sampled_from([0.0, 0.1]), st.booleans(), st.data())
def test_every_step_is_the_largest_that_leaves_a_way(
    rows: list[list[float]], flops_share: float, params_share: float, lowest: float, coarse: bool, data: st.DataObject
) -> None:
    rule = clipped(flops_share * DENSE[0], params_share * DENSE[1], lowest, coarse)
    share_N = np.array(data.draw(st.lists(shares, min_size=len(rows), max_size=len(rows))))
    found_NG = rule.settle(np.array(rows), share_N)
    for row, wanted, share in zip(found_NG.tolist(), rows, share_N, strict=True):
        if rule.countable.fits_of(np.array([wanted]), np.full(1, share))[0]:
            assert row == wanted  # what is feasible is left alone
            continue
        for step in range(3):
            assert row[step] == pytest.approx(largest(rule, row[:step], wanted[step], share), abs=1e-12)
    fits_N = rule.countable.fits_of(found_NG, share_N)
    np.testing.assert_array_equal(fits_N, rule.countable.fits_of(np.zeros_like(found_NG), share_N))
    np.testing.assert_array_equal(rule.settle(found_NG, share_N), found_NG)
