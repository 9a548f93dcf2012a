import pytest

from cpruner.report import Row


@pytest.mark.parametrize(
    ("violation", "feasible"), [(0.0, True), (0, True), (1e-9, False), (None, False), (float("nan"), False)]
)
def test_only_a_known_zero_violation_is_feasible(violation, feasible):
    assert Row("agent", violation=violation).feasible is feasible
