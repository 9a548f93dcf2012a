"""What every cost must keep to, built in or plugged in, as one check to call from a test."""

import math
from typing import Any

from torch import nn

from cpruner.constraint import Cost, Sample
from cpruner.testing.picture import picture, same

_COUNTED = (None, "flops", "macs", "params")


def check_cost(cost: Cost, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:
    """Measure a network twice and check that the cost keeps its promises.

    The promises: it says its name, unit and what it counts; what it measures is finite and positive; a counted cost
    gives the same number each time, without spread; and nothing else changes: weights, gradients, buffers, training
    flags, attributes and hooks of any module, the inputs, torch's random state and its number of threads.

    Args:
        cost: The cost to check.
        network: A network it can measure, best with dropout and with some modules in training mode.
        example_inputs: Positional arguments of one forward call.

    Returns:
        The second measurement, for checks of your own.

    Raises:
        AssertionError: Naming the promise that is broken.
    """
    _demand(isinstance(cost, Cost), "it has no name, unit, counted or measure", cost)
    _demand(isinstance(cost.name, str) and cost.name != "", "name is not a text of at least one letter", cost)
    _demand(isinstance(cost.unit, str), "unit is not a text", cost)
    _demand(cost.counted in _COUNTED, f"counted is not one of {_COUNTED}", cost)
    before = picture(network, example_inputs)
    first, second = cost.measure(network, example_inputs), cost.measure(network, example_inputs)
    after = picture(network, example_inputs)
    for what, old in before.items():
        _demand(same(old, after[what]), f"measuring changed {what}", cost)
    for sample in (first, second):
        _demand(math.isfinite(sample.value) and sample.value > 0, f"{sample.value} is not finite and positive", cost)
        _demand(math.isfinite(sample.spread) and sample.spread >= 0, f"spread {sample.spread} is no half width", cost)
    if cost.counted is not None:
        _demand(first == second, f"it counts {first.value}, then {second.value}", cost)
        _demand(second.spread == 0, "a counted cost has a spread", cost)
    return second


def _demand(kept: bool, what: str, cost: Any) -> None:
    if not kept:
        raise AssertionError(f"{type(cost).__name__} breaks the contract of a cost: {what}")
