import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import SIZES, env, flops, params, space
from torch import nn

from cpruner.constraint import Budget, External, Latency, Params, Reading
from cpruner.env import Observer, PruningProblem, entry_names
from cpruner.space import trace

DENSE = (flops(*SIZES), params(*SIZES))  # 15136 FLOPs, 810 parameters
READINGS = (
    Reading("flops", "FLOPs", 15136.0, 0.0, 7568.0, 15136.0),
    Reading("params", "params", 810.0, 0.0, 324.0, 810.0),
    Reading("energy", "mJ", 12.0, 0.5, 10.0, 12.0),
)
POSED = env()
COUNTED = {"flops": "flops", "params": "params", "energy": None}


def observer(lowest: float = 0.1) -> Observer:
    return Observer(space(), READINGS, COUNTED, lowest)


def predictions(*widths: int) -> list[float]:
    """Cost over limit of the three budgets; the energy is taken as proportional to FLOPs."""
    return [flops(*widths) / 7568, params(*widths) / 324, 12 / 10 * flops(*widths) / 15136]


def parts(observation: NDArray[np.float64]) -> dict[str, list[float]]:
    """The table of the module, as slices; K = 3."""
    bounds = {
        "position": (0, 1),
        "waves": (1, 9),
        "size": (9, 10),
        "shares": (10, 12),
        "previous": (12, 13),
        "mean": (13, 14),
        "spent": (14, 17),
        "lowest": (17, 20),
    }
    assert len(observation) == 20
    return {name: observation[low:high].tolist() for name, (low, high) in bounds.items()}


def test_the_counts_of_the_tiny_network_worked_out() -> None:
    assert DENSE == (2 * (2304 + 3456 + 1728 + 80), 44 + 228 + 448 + 90) == (15136, 810)


def test_before_the_first_group() -> None:
    seen = parts(observer().observe([]))
    assert seen["position"] == [0.0]
    assert seen["waves"] == pytest.approx([0, 1] * 4)
    assert seen["size"] == [2 / 12]  # 4 channels
    # one of 4 channels left: 576 + 864 + 1728 + 80 multiply-adds; 11 + 66 + 448 + 90 parameters
    assert seen["shares"] == pytest.approx([1 - 2 * 3248 / 15136, 1 - 615 / 810])
    assert (seen["previous"], seen["mean"]) == ([0.0], [1.0])
    assert seen["spent"] == pytest.approx([2.0, 2.5, 1.2])
    # 1, 1 and 1 channels: 576 + 144 + 36 + 10 multiply-adds; 11 + 11 + 11 + 20 parameters
    assert seen["lowest"] == pytest.approx([2 * 766 / 7568, 53 / 324, 1.2 * 2 * 766 / 15136])


def test_before_the_second_group() -> None:
    seen = parts(observer().observe([0.5]))
    assert seen["position"] == [0.5]
    # sin and cos of 1, 2, 4 and 8 times a quarter turn
    assert seen["waves"] == pytest.approx([1, 0, 0, -1, 0, 1, 0, 1], abs=1e-12)
    assert seen["size"] == pytest.approx([math.log2(6) / 12])
    # one of 6 channels left: 2304 + 576 + 288 + 80 multiply-adds; 44 + 38 + 88 + 90 parameters
    assert seen["shares"] == pytest.approx([1 - 2 * 3248 / 15136, 1 - 260 / 810])
    assert (seen["previous"], seen["mean"]) == ([0.5], [0.5])
    assert seen["spent"] == pytest.approx(predictions(2, 6, 8))
    assert seen["lowest"] == pytest.approx(predictions(2, 1, 1))


def test_before_the_last_group_and_after_it() -> None:
    before, after = (parts(observer(0.25).observe(decided)) for decided in ([0.5, 0.9], [0.5, 0.9, 0.3]))
    for seen in (before, after):
        assert seen["position"] == [1.0]
        assert seen["waves"] == pytest.approx([0, -1, 0, 1, 0, 1, 0, 1], abs=1e-12)
        assert seen["size"] == [3 / 12]
        # 2 of 8 channels left: 2304 + 3456 + 432 + 20 multiply-adds; 44 + 228 + 112 + 30 parameters
        assert seen["shares"] == pytest.approx([1 - 2 * 6212 / 15136, 1 - 414 / 810])
    assert (before["previous"], before["mean"]) == ([0.9], [pytest.approx(0.7)])
    assert (after["previous"], after["mean"]) == ([0.3], [pytest.approx(1.7 / 3)])
    assert before["spent"] == pytest.approx(predictions(2, 5, 8))
    assert before["lowest"] == pytest.approx(predictions(2, 5, 2))
    assert after["spent"] == after["lowest"] == pytest.approx(predictions(2, 5, 2))


def test_a_network_of_one_group_stays_at_position_zero() -> None:
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    one = Observer(trace(net, torch.zeros(1, 3)), READINGS[:1], COUNTED, 0.5)
    for decided in ([], [0.5]):
        observation = one.observe(decided)
        assert observation[0] == 0.0
        assert observation[1:9].tolist() == [0.0, 1.0] * 4
    assert one.size == 16
    np.testing.assert_allclose(one.shares, [[0.5, 1 - 26 / 50]])  # 2 * 40 of 2 * 80 FLOPs; 16 + 10 of 32 + 18


def test_entries_never_leave_the_box() -> None:
    strict = Observer(space(), (Reading("flops", "FLOPs", 15136.0, 0.0, 100.0, 15136.0),), COUNTED, 0.1)
    observation = strict.observe([])
    assert strict.predict([1.0] * 3).tolist() == [151.36]
    assert observation[14] == 20.0
    assert observation[15] == pytest.approx(15.32)


def test_a_latency_is_predicted_from_flops_and_macs_from_macs() -> None:
    readings = (
        Reading("latency", "ms", 3.0, 0.1, 2.0, 3.0),
        Reading("macs", "MACs", 7568.0, 0.0, 3784.0, 7568.0),
    )
    predicted = Observer(space(), readings, {"latency": None, "macs": "macs"}, 0.1).predict([0.5] * 3)
    np.testing.assert_allclose(predicted, [1.5 * 4976 / 15136, 4976 / 7568])


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_what_is_predicted_for_a_whole_proposal_is_what_its_network_counts(proposal: list[float]) -> None:
    judged = POSED.judge(POSED.space.at(proposal))
    widths = judged.candidate.widths
    expected = [reading.scaled for reading in judged.readings]
    np.testing.assert_allclose(POSED.observer.observe(proposal)[14:16], expected, rtol=1e-12)
    assert [reading.value for reading in judged.readings] == [
        flops(*widths),
        params(*widths),
    ]


def test_which_budgets_are_counted_comes_from_their_costs() -> None:
    budgets = (
        Budget(Params(), 0.5, name="size"),
        Budget(Latency(warmup=0, repeats=3), "1000 ms"),
        Budget(External(lambda network, inputs: 3.0, name="energy"), 2),
    )
    assert env(budgets).observer.counted == {"size": "params", "latency": None, "energy": None}


def test_where_budgets_are_drawn_costs_are_told_over_the_drawn_limits_and_the_share_besides() -> None:
    plain, drawn = observer(), Observer(space(), READINGS, COUNTED, 0.1, drawn=True)
    assert drawn.size == plain.size + 1
    seen, told = plain.observe([0.5]), drawn.observe([0.5], 0.25)
    assert told[-1] == pytest.approx(math.log(4))
    np.testing.assert_array_equal(told[:14], seen[:14])
    np.testing.assert_allclose(told[14:20], np.minimum(4 * seen[14:20], 20))
    np.testing.assert_array_equal(drawn.observe([0.5]), [*seen, 0.0])
    np.testing.assert_array_equal(drawn.observe_of(np.array([[0.5]])), [[*seen, 0.0]])


def test_every_episode_has_a_share_of_its_own() -> None:
    drawn = Observer(space(), READINGS, COUNTED, 0.1, drawn=True)
    both = drawn.observe_of(np.array([[0.5], [0.5]]), np.array([1.0, 0.3]))
    np.testing.assert_array_equal(both, [drawn.observe([0.5]), drawn.observe([0.5], 0.3)])


def lost(width_NG: NDArray[np.int64]) -> NDArray[np.float64]:
    """A stand-in for a surrogate: 0.1, 0.01 and 0.001 for a channel of the groups of 4, 6 and 8; 7 when dense."""
    rise_N: NDArray[np.float64] = (np.array(SIZES) - width_NG) @ np.array([0.1, 0.01, 0.001])
    return 7 + rise_N


def foreseeing(*, drawn: bool = False) -> Observer:
    return Observer(space(), READINGS, COUNTED, 0.1, drawn, lost)


@pytest.mark.parametrize(
    ("decided", "foreseen"),
    [
        ([], [0.2, 0.3, (0.03 + 0.004) / 2, 0.0]),  # 2 or 3 of 4 channels go; 3 of 6 and 4 of 8 to come
        ([0.5], [0.03, 0.05, 0.004, 0.2]),
        ([0.5, 0.5], [0.004, 0.007, 0.0, 0.23]),
        ([0.5, 0.5, 0.25], [0.004, 0.007, 0.0, 0.236]),
    ],
)
def test_what_the_surrogate_foresees(decided: list[float], foreseen: list[float]) -> None:
    seen, plain = foreseeing().observe(decided), observer().observe(decided)
    np.testing.assert_array_equal(seen[:20], plain)
    np.testing.assert_allclose(seen[20:], foreseen, atol=1e-12)


def test_the_share_of_the_limits_changes_no_prediction_of_the_loss() -> None:
    told = foreseeing(drawn=True).observe_of(np.array([[0.5], [1.0]]), np.array([0.5, 0.25]))
    np.testing.assert_allclose(
        told[:, 20:], [[0.03, 0.05, 0.004, 0.2, math.log(2)], [0.03, 0.05, 0.004, 0.0, math.log(4)]]
    )


def test_a_loss_beyond_all_bounds_is_cut_off() -> None:
    hopeless = Observer(space(), READINGS, COUNTED, 0.1, False, lambda width_NG: 1e6 * lost(width_NG))
    assert hopeless.observe([0.5])[20:].tolist() == [20.0] * 4


@pytest.mark.parametrize("sensitivities", [True, False])
@pytest.mark.parametrize("drawn", [True, False])
def test_every_entry_has_a_name_of_its_own(sensitivities: bool, drawn: bool) -> None:
    problem = PruningProblem(sensitivities=sensitivities, tightest=0.5 if drawn else 1.0)
    posed = env(problem=problem, predicted=lost).problem
    names = entry_names(posed.constraints, sensitivities=sensitivities, drawn=drawn)
    assert len(set(names)) == len(names) == posed.observation_size
    assert names[12:15] == ("previous action", "mean ratio so far", "flops if the rest stays dense")
    assert names[17] == "params if the rest goes to the lowest"
    assert (names[-1] == "share of the limits") == drawn
    assert ("loss if the rest stays dense" in names) == sensitivities
