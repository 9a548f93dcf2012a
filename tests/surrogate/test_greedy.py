import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surrogates import chained, falling, made, share

from cpruner.surrogate.greedy import greedy
from cpruner.surrogate.problem import Problem, fits

SPACE = chained(5, 2, 3, 2)


def widths(curves: tuple[list[float], list[float]], *limits: tuple[str, float]) -> list[int]:
    return greedy(Problem.of(made(SPACE, curves), limits, None, np.inf)).tolist()


def test_by_hand() -> None:
    """2 (5 a + a b + 2 b) FLOPs: at the widths 2 and 3 a channel of the first saves 16, one of the second 8."""
    assert widths(([9.0, 3.0, 0.0], [9.0, 9.0, 1.0, 0.0]), ("flops", 44.0)) == [2, 3]
    assert widths(([9.0, 3.0, 0.0], [9.0, 9.0, 1.0, 0.0]), ("flops", 43.0)) == [2, 2]
    assert widths(([9.0, 1.5, 0.0], [9.0, 9.0, 1.0, 0.0]), ("flops", 43.0)) == [1, 3]


@pytest.mark.parametrize(("rise", "expected"), [(1.95, [1, 3]), (2.05, [2, 2])])
def test_only_what_is_saved_of_an_exceeded_budget_counts(rise: float, expected: list[int]) -> None:
    """Of the 33 parameters, all of which may stay, they save 9 and 5: less than two to one."""
    curves = ([9.0, rise, 0.0], [9.0, 9.0, 1.0, 0.0])
    assert widths(curves, ("flops", 36.0), ("params", 33.0)) == expected


def test_large_groups_go_in_larger_steps() -> None:
    space = chained(3, 70, 4)
    for limit in (900.0, 901.0, 915.0):
        (found,) = greedy(Problem.of(falling(space, 0), [("flops", limit)], None, np.inf))
        assert found == 64
    assert 2 * (3 + 4) * 64 <= 900 < 2 * (3 + 4) * 66


@given(st.integers(0, 1000), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_it_ends_within_the_budgets_and_no_lower_than_needed(seed: int, first: float, second: float) -> None:
    """A step back up would exceed a budget, unless an earlier, smaller one was not enough."""
    space = chained(3, 40, 9, 70, 4)
    limits = [share(space, "flops", first), share(space, "params", second)]
    problem = Problem.of(falling(space, seed), limits, None, np.inf)
    found_G = greedy(problem)
    assert fits(problem.made, found_G[None], limits)[0]
    steps_up = np.minimum(found_G + np.diag([1, 1, 2]), space.sizes)
    assert first == second == 1.0 or not fits(problem.made, steps_up, limits).all()


def test_what_costs_no_loss_goes_first() -> None:
    assert widths(([1.0, 1.0, 0.0], [0.0] * 4), ("flops", 30.0)) == [2, 1]
