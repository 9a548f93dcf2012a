from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from tiny_task import EXAMPLE, SIZES, flops, network, params, space
from torch import nn

from cpruner.env import Countable
from cpruner.env.posynomial import Posynomials
from cpruner.env.projecting import Projected
from cpruner.space import trace

DENSE = (flops(*SIZES), params(*SIZES))
COARSE = trace(network(), EXAMPLE, multiple_of=2)
POSYNOMIALS = Posynomials.of(space().algebra, 3)
EVERY = np.array(list(product(*(range(1, size + 1) for size in SIZES)))) / SIZES


def projected(flops_share: float, params_share: float = 2.0, lowest: float = 0.1, of: Any = None) -> Projected:
    limits = (("flops", flops_share * DENSE[0]), ("params", params_share * DENSE[1]))
    return Projected(Countable(of or space(), limits), lowest)


HALF, BOTH, COARSER = projected(0.5), projected(0.5, 0.4), projected(0.5, 0.4, of=COARSE)


def by_slsqp(rule: Projected, ratio_G: NDArray[np.float64], share: float) -> float:
    """The least distance as a general solver finds it, from the lowest ratios and from the scaled proposal."""
    limits = {name: np.log(share * limit) for name, limit in rule.countable.limits}
    least_G = np.log([1 / 4, 1 / 6, 1 / 8])
    target_G = np.log(ratio_G)

    def slack(log_G: NDArray[np.float64]) -> list[float]:
        logs = POSYNOMIALS.logs(np.exp(log_G) * SIZES)
        return [limit - logs[name] for name, limit in limits.items()]

    found = minimize(
        lambda log_G: ((log_G - target_G) ** 2).sum(),
        least_G,
        jac=lambda log_G: 2 * (log_G - target_G),
        bounds=[(low, 0.0) for low in least_G],
        constraints={"type": "ineq", "fun": slack},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 300},
    )
    assert found.success
    return float(found.fun)


def test_what_meets_the_budgets_stays_bit_by_bit() -> None:
    ratio_NG = np.array([[0.312345, 0.5, 0.4], [0.2, 0.987, 0.1]])
    np.testing.assert_array_equal(HALF.settle(ratio_NG), ratio_NG)


def test_with_one_width_the_solution_is_the_budget_itself() -> None:
    net = nn.Sequential(nn.Linear(3, 10, bias=False), nn.ReLU(), nn.Linear(10, 2, bias=False))
    of = trace(net, EXAMPLE.new_zeros(1, 3))
    rule = Projected(Countable(of, (("params", 37.0),)), 0.0)  # 5 parameters per unit
    relaxed = rule.relaxed(np.array([0.9]), 0.0)
    assert relaxed == pytest.approx([0.74], abs=1e-5)
    assert rule.settle(np.array([[0.9]])).tolist() == [[0.7]]


def test_two_widths_that_multiply_shrink_by_one_factor() -> None:
    """Minimise (log x/p)^2 + (log y/q)^2 with x y = c: both by the factor sqrt(c / pq)."""
    net = nn.Sequential(nn.Linear(1000, 100, bias=False), nn.Linear(100, 100, bias=False), nn.Linear(100, 1000))
    of = trace(net, EXAMPLE.new_zeros(1, 1000))
    middle = Posynomials.of(of.algebra, 2)
    rule = Projected(Countable(of, (("params", 60_000.0),)), 0.0)
    relaxed = rule.relaxed(np.array([0.8, 0.8]), 0.0)
    assert relaxed is not None
    assert relaxed[0] == pytest.approx(relaxed[1], rel=1e-4)  # the network is the same from either end
    assert middle.logs(relaxed * 100)["params"] == pytest.approx(np.log(60_000), abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.3, 1.0), min_size=3, max_size=3), st.floats(0.25, 1.0))
def test_the_convex_program_is_solved_exactly(proposal: list[float], share: float) -> None:
    ratio_G = np.array(proposal)
    relaxed_G = BOTH.relaxed(ratio_G, 0.0, share)
    assert relaxed_G is not None
    distance = BOTH.distance_of(ratio_G, relaxed_G[None])[0]
    assert distance == pytest.approx(by_slsqp(BOTH, ratio_G, share), abs=1e-5)
    logs = POSYNOMIALS.logs(relaxed_G * SIZES)
    assert all(logs[name] <= np.log(share * limit) + 1e-6 for name, limit in BOTH.countable.limits)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.just(0.0) | st.floats(1e-3, 1.0), min_size=3, max_size=3), min_size=1, max_size=3),
    st.sampled_from([HALF, BOTH, COARSER]),
    st.floats(0.05, 1.0),
)
def test_the_result_fits_and_is_never_farther_than_the_scaled_one(
    rows: list[list[float]], rule: Projected, share: float
) -> None:
    ratio_NG, share_N = np.array(rows), np.full(len(rows), share)
    found_NG = rule.settle(ratio_NG, share_N)
    countable = rule.countable
    fits_N = countable.fits_of(found_NG, share_N)
    np.testing.assert_array_equal(fits_N, countable.fits_of(np.zeros_like(ratio_NG), share_N))
    scaled_NG = countable.space.widths_of(countable.fit_of(ratio_NG, 0.1, share_N)) / SIZES
    ours_NG = countable.space.widths_of(found_NG) / SIZES
    floor = countable.floor_of(1, 0.1, share_N[:1])[0]
    for ratio_G, ours_G, scaled_G, fits in zip(ratio_NG, ours_NG, scaled_NG, fits_N, strict=True):
        if fits and not countable.fits_of(ratio_G[None], share_N[:1])[0]:
            ours, scaled = rule.distance_of(ratio_G, np.stack([ours_G, scaled_G]), floor)
            assert ours <= scaled


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.3, 1.0), min_size=3, max_size=3), st.floats(0.3, 1.0))
def test_the_rounded_result_lies_between_the_program_and_twice_the_best_legal_choice(
    proposal: list[float], share: float
) -> None:
    ratio_G, share_N = np.array(proposal), np.full(1, share)
    fits_N = BOTH.countable.fits_of(EVERY, np.full(len(EVERY), share))
    best = np.sqrt(BOTH.distance_of(ratio_G, EVERY[fits_N]).min())
    if BOTH.countable.fits_of(ratio_G[None], share_N)[0]:
        return
    found_G = BOTH.settle(ratio_G[None], share_N)[0]
    relaxed_G = BOTH.relaxed(ratio_G, 0.0, share)
    assert relaxed_G is not None
    reached = np.sqrt(BOTH.distance_of(ratio_G, np.stack([relaxed_G, found_G])))
    assert reached[0] <= best + 1e-5
    assert best - 1e-9 <= reached[1] <= 2 * best + 0.2


def test_no_single_width_could_be_nearer() -> None:
    for proposal in ([1.0, 1.0, 1.0], [1.0, 0.5, 0.75], [0.3, 1.0, 0.9]):
        ratio_G = np.array(proposal)
        found_G = BOTH.settle(ratio_G[None])[0]
        at = BOTH.distance_of(ratio_G, found_G[None], 0.1)[0]
        wider = [found_G + step for step in np.diag(1 / np.array(SIZES)) if (found_G + step <= 1.0).all()]
        assert all(
            not BOTH.countable.fits(w.tolist()) or BOTH.distance_of(ratio_G, w[None], 0.1)[0] >= at for w in wider
        )


def test_the_lowest_ratio_is_kept_unless_the_budget_asks_for_less() -> None:
    kept = projected(0.5, lowest=0.5).settle(np.ones((1, 3)))
    assert (kept >= 0.5).all()
    tight = projected(flops(1, 1, 2) / DENSE[0], lowest=0.5).settle(np.ones((1, 3)))
    assert flops(*space().widths(tight[0].tolist())) <= flops(1, 1, 2)


def test_an_impossible_budget_gives_the_narrowest_network() -> None:
    assert projected(0.001).settle(np.full((1, 3), 0.5)).tolist() == [[0.0, 0.0, 0.0]]


def test_without_budgets_nothing_is_moved() -> None:
    ratio_NG = np.array([[0.4, 1.0, 0.7]])
    np.testing.assert_array_equal(Projected(Countable(space(), ()), 0.1).settle(ratio_NG), ratio_NG)


def test_a_solver_that_fails_leaves_the_scaled_proposal_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Projected, "relaxed", lambda *_: None)
    found = HALF.settle(np.array([[1.0, 0.5, 0.75]]))
    assert HALF.countable.fits(found[0].tolist())
