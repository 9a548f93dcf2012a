import math

import pytest
from torch import nn

from cpruner.constraint import Cost, Sample


def test_sample_is_the_median_with_its_notch():
    sample = Sample.of([1.0, 2.0, 3.0, 4.0, 100.0])  # quartiles 2 and 4
    assert sample.value == 3.0
    assert sample.spread == pytest.approx(1.57 * 2 / math.sqrt(5))


def test_one_slow_outlier_moves_neither_value_nor_spread():
    assert Sample.of([5.0] * 9 + [500.0]) == Sample(5.0, 0.0)


def test_one_measurement_has_no_spread():
    assert Sample.of([2]) == Sample(2.0, 0.0)


def test_cost_is_recognised_by_its_shape():
    class Mine:
        name, unit, counted = "mine", "J", None

        def measure(self, network: nn.Module, example_inputs: tuple) -> Sample:
            return Sample(1.0)

    assert isinstance(Mine(), Cost)
    assert not isinstance(lambda network, inputs: 1.0, Cost)
