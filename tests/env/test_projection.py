from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import EXAMPLE, SIZES, flops, network, params, space
from torch import nn

from cpruner.env import Countable
from cpruner.space import PruningSpace, trace

SPACES = {1: space(), 2: trace(network(), EXAMPLE, multiple_of=2)}
DENSE = (flops(*SIZES), params(*SIZES))

shares = st.floats(0.005, 1.2)
ratios = st.lists(st.just(0.0) | st.floats(1e-4, 1.0), min_size=3, max_size=3)
floors = st.sampled_from([0.0, 0.1, 0.3])


def budgeted(flops_share: float, params_share: float, of: PruningSpace | None = None) -> Countable:
    return Countable(of or space(), (("flops", flops_share * DENSE[0]), ("params", params_share * DENSE[1])))


def widest_on_the_ray(countable: Countable, ratio_G: NDArray[np.float64], floor: float) -> tuple[int, ...] | None:
    """By brute force: the widths of clip(s * ratio, floor, 1) for the largest s that fits, trying every s that matters.

    Widths only change where s * ratio * size is half a channel away from a width, so one s between two such points
    stands for all of them.
    """
    steps = [
        k / (2 * size * ratio)
        for size, ratio in zip(SIZES, ratio_G, strict=True)
        if ratio > 0
        for k in range(2 * size + 1)
    ]
    points = sorted({0.0, *steps})
    tried = [(low + high) / 2 for low, high in pairwise(points)] + [points[-1] + 1.0]
    fitting = [s for s in tried if countable.fits(np.clip(s * ratio_G, floor, 1.0).tolist())]
    return countable.space.widths(np.clip(max(fitting) * ratio_G, floor, 1.0).tolist()) if fitting else None


def test_costs_are_shares_of_the_limits_counted_by_hand() -> None:
    scaled = budgeted(0.5, 0.4).scaled([0.5, 0.5, 0.5])  # 2, 3 and 4 channels: 4976 FLOPs, 248 parameters
    np.testing.assert_allclose(scaled, [4976 / 7568, 248 / 324])
    assert (flops(2, 3, 4), params(2, 3, 4)) == (4976, 248)


def test_every_budget_must_fit() -> None:
    halves = [0.5, 0.5, 0.5]
    assert budgeted(4976 / 15136, 248 / 810).fits(halves)  # both exactly met
    assert not budgeted(4975 / 15136, 248 / 810).fits(halves)
    assert not budgeted(4976 / 15136, 247 / 810).fits(halves)


def test_a_proposal_below_the_budget_is_widened_and_one_above_it_narrowed_to_the_same_point() -> None:
    countable = budgeted(0.5, 1.0)
    wide, narrow = (countable.fit(np.full(3, ratio), 0.1) for ratio in (0.9, 0.2))
    assert space().widths(wide.tolist()) == space().widths(narrow.tolist())
    assert flops(*space().widths(wide.tolist())) <= 7568
    np.testing.assert_allclose(wide, narrow, rtol=1e-5)


def test_proportions_are_kept_until_a_group_is_dense() -> None:
    scaled = budgeted(0.5, 1.0).fit(np.array([0.2, 0.4, 0.4]), 0.05)
    assert scaled[1] == scaled[2] == pytest.approx(2 * scaled[0])
    assert budgeted(0.9, 1.0).fit(np.array([0.2, 0.4, 0.4]), 0.05)[1:].tolist() == [1.0, 1.0]


def test_the_tightest_of_several_budgets_decides() -> None:
    proposal = np.array([0.3, 0.5, 0.4])
    both, only_params = budgeted(0.9, 0.3).fit(proposal, 0.1), budgeted(1.2, 0.3).fit(proposal, 0.1)
    np.testing.assert_array_equal(both, only_params)
    assert params(*space().widths(both.tolist())) <= 0.3 * 810


@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0])
def test_budgets_that_the_dense_network_meets_keep_everything(ratio: float) -> None:
    assert budgeted(1.0, 1.0).fit(np.full(3, ratio), 0.1).tolist() == [1.0, 1.0, 1.0]


def test_without_countable_budgets_the_proposal_stays() -> None:
    proposal = np.array([0.2, 0.9, 0.4])
    np.testing.assert_array_equal(Countable(space(), ()).fit(proposal, 0.1), proposal)


def test_the_lowest_ratio_gives_way_to_the_budget() -> None:
    countable = budgeted(flops(1, 1, 1) / DENSE[0], 1.0)  # only the narrowest network fits
    ratio_G = countable.fit(np.array([0.9, 0.8, 0.7]), 0.5)
    assert countable.space.widths(ratio_G.tolist()) == (1, 1, 1)


def test_below_the_lowest_ratio_the_proportions_of_the_proposal_still_count() -> None:
    countable = Countable(space(), (("flops", flops(1, 2, 5)),))  # the lowest ratio everywhere is 2, 3 and 4 channels
    ratio_G = countable.fit(np.array([0.25, 2 / 6, 5 / 8]), 0.5)
    assert countable.space.widths(ratio_G.tolist()) == (1, 2, 5)


def test_a_factor_is_found_to_a_channel_in_a_thousand() -> None:
    net = nn.Sequential(nn.Linear(3, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 2))
    wide = trace(net, torch.zeros(1, 3))
    for kept in (137, 501, 998):
        limit = 2 * (3 * kept + kept * kept + 2 * kept)
        ratio_G = Countable(wide, (("flops", limit),)).fit(np.array([0.1, 0.1]), 0.1)
        assert wide.widths(ratio_G.tolist()) == (kept, kept)


def test_an_impossible_budget_gives_the_narrowest_network() -> None:
    assert budgeted(0.001, 1.0).fit(np.full(3, 0.5), 0.1).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("limit", "widths"), [(2750, (1, 2, 5)), (3750, (1, 3, 7))])
def test_a_zero_in_the_proposal_does_not_blur_the_others(limit: int, widths: tuple[int, ...]) -> None:
    ratio_G = Countable(space(), (("flops", limit),)).fit(np.array([0.0, 0.5, 0.7]), 0.0)
    assert space().widths(ratio_G.tolist()) == widths


@given(flops_share=shares, params_share=shares, proposal=ratios, lowest=floors)
def test_the_result_fits_whenever_the_narrowest_network_does(
    flops_share: float, params_share: float, proposal: list[float], lowest: float
) -> None:
    countable = budgeted(flops_share, params_share)
    ratio_G = countable.fit(np.array(proposal), lowest)
    assert ((ratio_G >= 0) & (ratio_G <= 1)).all()
    assert countable.fits(ratio_G.tolist()) == countable.fits([0.0, 0.0, 0.0])


@settings(max_examples=60)
@given(flops_share=shares, params_share=shares, proposal=ratios, lowest=floors, step=st.sampled_from([1, 2]))
def test_no_larger_factor_fits(
    flops_share: float, params_share: float, proposal: list[float], lowest: float, step: int
) -> None:
    coarse = SPACES[step]
    countable = budgeted(flops_share, params_share, coarse)
    ratio_G = np.array(proposal)
    expected = widest_on_the_ray(countable, ratio_G, lowest) or widest_on_the_ray(countable, ratio_G, 0.0)
    found = coarse.widths(countable.fit(ratio_G, lowest).tolist())
    assert found == (expected or coarse.widths([0.0, 0.0, 0.0]))


def test_a_share_multiplies_every_limit_choice_by_choice() -> None:
    whole, halved = budgeted(0.8, 0.6), budgeted(0.4, 0.3)
    rows, share_N = np.array([[1.0, 0.5, 0.75], [1.0, 0.5, 0.75]]), np.array([1.0, 0.5])
    np.testing.assert_allclose(whole.scaled_of(rows, share_N)[1], halved.scaled_of(rows)[1])
    np.testing.assert_array_equal(whole.scaled_of(rows, share_N)[0], whole.scaled_of(rows)[0])
    found = whole.fit_of(rows, 0.1, share_N)
    np.testing.assert_array_equal(found[0], whole.fit_of(rows, 0.1)[0])
    np.testing.assert_array_equal(found[1], halved.fit_of(rows, 0.1)[1])


def test_the_floor_is_found_choice_by_choice() -> None:
    countable = Countable(space(), (("flops", float(flops(2, 3, 4))),))
    narrow = flops(1, 2, 2) / flops(2, 3, 4)
    assert countable.floor_of(3, 0.5, np.array([1.0, narrow, 0.01])).tolist() == [0.5, 0.0, 0.0]
    assert countable.floor_of(2, 0.5).tolist() == [0.5, 0.5]
    fitted = countable.fit_of(np.ones((2, 3)), 0.5, np.array([1.0, 0.01]))
    assert space().widths_of(fitted).tolist() == [[2, 3, 4], [1, 1, 1]]
