import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.report import History


def test_best_feasible_ignores_networks_over_a_budget():
    history = History(
        accuracy=(0.9, 0.5, 0.8, 0.7, 0.6),
        scaled={"flops": (2.0, 1.0, 0.9, 0.9, 0.5), "latency": (0.5, 0.9, 1.1, 1.0, 0.5)},
    )
    assert history.feasible == (False, True, False, True, True)
    assert math.isnan(history.best_feasible[0])
    assert history.best_feasible[1:] == (0.5, 0.5, 0.7, 0.7)


def test_without_budgets_everything_is_feasible():
    assert History(accuracy=(0.1, 0.3, 0.2)).best_feasible == (0.1, 0.3, 0.3)


def test_nan_cost_is_not_feasible():
    assert History(accuracy=(0.1,), scaled={"flops": (math.nan,)}).feasible == (False,)


@given(pairs=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2)), min_size=1, max_size=20))
def test_last_best_is_the_maximum_of_the_feasible(pairs):
    history = History(tuple(accuracy for accuracy, _ in pairs), {"flops": tuple(cost for _, cost in pairs)})
    feasible = [accuracy for accuracy, cost in pairs if cost <= 1]
    last = history.best_feasible[-1]
    assert last == pytest.approx(max(feasible)) if feasible else math.isnan(last)
