from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import env, flops, network, widths_of
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External, Flops, Params, Sample
from cpruner.env import PruningEnv
from cpruner.env.measuring import Measured


class Meter:
    """Energy 10 a + c of the tiny network, 48 mJ for the dense one; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def __call__(self, network: nn.Module, inputs: Any) -> float:
        a, b, c = widths_of(network)
        self.asked.append((a, b, c))
        return 10.0 * a + c


def measured(limit: float, most: int = 6, *counted: Budget, lowest: float = 0.1) -> tuple[Measured, Meter, PruningEnv]:
    meter = Meter()
    posed = env((*counted, Budget(External(meter, name="energy", unit="mJ"), limit)))
    meter.asked.clear()
    return Measured(posed.countable, posed.judge, lowest, most), meter, posed


def fitted(rule: Measured, posed: PruningEnv, proposal: list[float], share: float = 1.0) -> tuple[int, ...]:
    made = rule.fit(np.array(proposal), share, lambda ratio_G: posed.space.at(ratio_G.tolist()))
    return posed.space.widths(made.tolist())


def test_the_budget_is_met_by_the_widest_network_on_the_ray() -> None:
    rule, meter, posed = measured(27.0, 20)  # the dense network has 48
    a, _, c = fitted(rule, posed, [0.5, 0.5, 0.5])
    assert 10 * a + c <= 27
    assert (a, c) in {(2, 5), (2, 4)}  # the third channel of the first group comes with 0.625, and 5 of the last
    assert len(meter.asked) == len(set(meter.asked)) <= 20


def test_a_network_that_meets_it_at_once_takes_one_measurement() -> None:
    rule, meter, posed = measured(47.0, 6, Budget(Flops(), 0.5))
    a, b, c = fitted(rule, posed, [1.0, 1.0, 1.0])
    assert len(meter.asked) == 1
    assert flops(a, b, c) <= 7568
    assert (a, b, c) == posed.space.widths(posed.countable.fit(np.ones(3), 0.1).tolist())


@pytest.mark.parametrize("most", [1, 2, 4])
def test_no_more_networks_are_measured_than_allowed(most: int) -> None:
    rule, meter, posed = measured(20.0, most)
    fitted(rule, posed, [0.9, 0.2, 0.4])
    assert 1 <= len(meter.asked) <= most


def test_if_none_that_was_measured_meets_it_all_ratios_go_to_the_lowest() -> None:
    rule, meter, posed = measured(11.5, 1, lowest=0.25)
    assert fitted(rule, posed, [1.0, 1.0, 1.0]) == (1, 2, 2)
    assert len(meter.asked) == 1


def test_a_candidate_is_measured_once_whatever_it_is_measured_for() -> None:
    rule, meter, posed = measured(27.0)
    first = fitted(rule, posed, [0.5, 0.5, 0.5])
    count = len(meter.asked)
    assert fitted(rule, posed, [0.5, 0.5, 0.5]) == first
    assert len(meter.asked) == count
    candidate = posed.space.at([0.25, 0.5, 0.5])
    assert rule.meets(candidate, 0.6)
    assert not rule.meets(candidate, 0.5)  # 14 mJ of 27
    assert len(meter.asked) <= count + 1


def test_what_was_judged_is_not_measured_again() -> None:
    rule, meter, posed = measured(27.0)
    candidate = posed.space.at([0.5, 0.5, 0.5])
    posed.judge(candidate)
    meter.asked.clear()
    assert rule.meets(candidate)
    assert meter.asked == []


def test_the_upper_end_of_the_interval_counts() -> None:
    turns = iter([1.0] * 3 + [0.9, 1.0, 1.1] * 20)

    def noisy(network: nn.Module, inputs: Any) -> float:
        return widths_of(network)[0] * next(turns)

    posed = env((Budget(External(noisy, name="noisy", repeats=3), 2.0),))
    next(turns), next(turns), next(turns)
    rule = Measured(posed.countable, posed.judge, 0.1, 6)
    assert not rule.meets(posed.space.at([0.5, 1.0, 1.0]))  # 2 channels: the median is on the limit
    assert rule.meets(posed.space.at([0.25, 1.0, 1.0]))


def test_other_channels_are_another_candidate() -> None:
    rule, _, posed = measured(27.0)
    made: list[Candidate] = []

    def make(ratio_G: NDArray[np.float64]) -> Candidate:
        backwards = posed.space.ranked(tuple(order[::-1] for order in posed.space.ranking))
        made.append(backwards.at(ratio_G.tolist()))
        return made[-1]

    rule.fit(np.full(3, 0.5), 1.0, make)
    assert set(made) <= set(rule.known)


SHARED = measured(30.0, 12, Budget(Flops(), 0.5), Budget(Params(), 0.5))


@settings(max_examples=25)
@given(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=3), st.floats(0.35, 1.0))
def test_every_budget_is_met_if_a_few_measurements_can_show_it(proposal: list[float], share: float) -> None:
    rule, posed = SHARED[0], SHARED[2]
    a, b, c = fitted(rule, posed, proposal, share)
    assert 10 * a + c <= 30.0 * share or (a, c) == (1, 1)
    assert posed.countable.fits_of(np.array([[a / 4, b / 6, c / 8]]), np.full(1, share))[0]


class Shape:
    """Channels of the first convolution, whatever its weights are; remembers the networks it was asked for."""

    name, unit, counted, structural = "shape", "", None, True

    def __init__(self) -> None:
        self.asked: list[nn.Module] = []

    def measure(self, network: nn.Module, example_inputs: Any) -> Sample:
        self.asked.append(network)
        return Sample(float(widths_of(network)[0]))


@pytest.mark.parametrize("beside", [(), (Budget(External(lambda network, inputs: 1.0, name="other"), 2.0),)])
def test_what_depends_on_shapes_alone_is_measured_before_the_weights_are_refit(beside: tuple[Budget, ...]) -> None:
    shape, cut = Shape(), network()
    posed = env((Budget(shape, 2.0), *beside))
    shape.asked.clear()
    rule = Measured(posed.countable, replace(posed.judge, cut=lambda candidate: cut), 0.1, 1)
    rule.meets(posed.space.at([0.5, 0.5, 0.5]))
    assert (shape.asked == [cut]) is not bool(beside)  # the other one may depend on weights
    assert len(shape.asked) == 1
