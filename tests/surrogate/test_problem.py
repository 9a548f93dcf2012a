from dataclasses import replace

import numpy as np
import pytest
from surrogates import chained, falling, made, share

from cpruner.errors import InfeasibleError, InputError
from cpruner.space import PruningSpace, Rounding
from cpruner.surrogate.problem import Problem, fits

SPACE = chained(5, 4, 6, 2)
SURROGATE = falling(SPACE, 0)
WHOLE = (("flops", 1e9),)


def problem(space: PruningSpace = SPACE, near: tuple[int, ...] | None = None, radius: float = np.inf) -> Problem:
    return Problem.of(replace(SURROGATE, space=space), WHOLE, near, radius)


def legal(*args: object, **kwargs: object) -> list[list[int]]:
    return [widths.tolist() for widths in problem(*args, **kwargs).legal]  # type: ignore[arg-type]


class TestLegalWidths:
    def test_all_of_them(self) -> None:
        assert legal() == [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6]]

    def test_as_the_space_rounds_them(self) -> None:
        assert legal(replace(SPACE, rounding=Rounding(min_width=3))) == [[3, 4], [3, 4, 5, 6]]
        stepped = replace(SPACE, groups=tuple(replace(group, step=4) for group in SPACE.groups))
        assert legal(stepped) == [[4], [4, 6]]

    def test_within_the_region(self) -> None:
        assert legal(near=(2, 4), radius=np.log(1.5)) == [[2, 3], [3, 4, 5, 6]]
        assert legal(near=(2, 4), radius=0.0) == [[2], [4]]

    def test_the_region_reaches_down_to_a_legal_width(self) -> None:
        stepped = replace(SPACE, groups=tuple(replace(group, step=4) for group in SPACE.groups))
        assert legal(stepped, near=(4, 5), radius=0.01) == [[4], [4]]
        assert legal(stepped, near=(2, 3), radius=0.01) == [[4], [4]]


def test_what_widths_are_worth_and_what_they_cost() -> None:
    one = made(chained(5, 2, 3, 2), ([9, 4, 0], [9, 5, 1, 0]), base=7.0)
    stated = Problem.of(one, [("params", 50.0), ("flops", 100.0)], None, np.inf)
    width_NG = np.array([[2, 3], [1, 1]])
    assert stated.worth(width_NG).tolist() == [0, 9]
    params = [2 * 6 + 3 * 3 + 2 * 4, 6 + 2 + 2 * 2]
    flops = [2 * (5 * 2 + 2 * 3 + 3 * 2), 2 * (5 + 1 + 2)]
    assert stated.shares(width_NG).tolist() == [[params[0] / 50, flops[0] / 100], [params[1] / 50, flops[1] / 100]]
    assert stated.narrowest.tolist() == [1, 1]
    assert stated.widest.tolist() == [2, 3]


def test_a_limit_is_met_by_what_equals_it() -> None:
    width_NG = np.array([[1, 1], [1, 2], [2, 1]])
    flops = [2 * (5 * a + a * b + 2 * b) for a, b in width_NG.tolist()]
    assert fits(SURROGATE, width_NG, [("flops", flops[1])]).tolist() == [True, True, False]
    assert fits(SURROGATE, width_NG, [("flops", flops[1]), ("macs", flops[0] / 2)]).tolist() == [True, False, False]


class TestBetter:
    LIMITS = (("flops", 2.0 * (5 * 3 + 3 * 3 + 2 * 3)),)

    def stated(self) -> Problem:
        return Problem.of(made(SPACE, ([9, 6, 4, 2, 0], [9, 6, 5, 4, 3, 2, 0])), self.LIMITS, None, np.inf)

    def test_the_best_that_fits(self) -> None:
        trial_NG = np.array([[4, 6], [1, 2], [3, 3], [2, 3]])
        found = self.stated().better(np.array([1, 1]), trial_NG)
        assert found is not None
        assert found.tolist() == [3, 3]

    def test_none_is_better_or_fits(self) -> None:
        assert self.stated().better(np.array([3, 3]), np.array([[1, 1], [4, 6], [3, 3]])) is None
        assert self.stated().better(np.array([3, 3]), np.zeros((0, 2), dtype=np.int64)) is None

    def test_also_when_thousands_come_before_it(self) -> None:
        trial_NG = np.concatenate([np.full((3000, 2), [4, 6]), [[3, 3]]])
        found = self.stated().better(np.array([1, 1]), trial_NG)
        assert found is not None
        assert found.tolist() == [3, 3]


@pytest.mark.parametrize(("name", "unit"), [("flops", "FLOPs"), ("macs", "MACs"), ("params", "params")])
def test_a_budget_out_of_reach_is_named(name: str, unit: str) -> None:
    smallest = getattr(SPACE.count(SPACE.smallest()), name)
    Problem.of(SURROGATE, [share(SPACE, "flops", 0.5), (name, smallest)], None, np.inf)
    with pytest.raises(InfeasibleError, match=f"'{name}' cannot be met") as caught:
        Problem.of(SURROGATE, [share(SPACE, "flops", 0.5), (name, smallest - 0.5)], None, np.inf)
    assert (caught.value.smallest, caught.value.limit, caught.value.unit) == (smallest, smallest - 0.5, unit)


def test_a_budget_out_of_reach_within_the_region_is_named_too() -> None:
    with pytest.raises(InfeasibleError, match="smallest value reached 60 FLOPs"):
        Problem.of(SURROGATE, [("flops", 50.0)], (3, 3), 0.0)


@pytest.mark.parametrize("limits", [[], [("latency", 1.0)], [("flops", 0.0)], [("flops", np.inf)], [("flops", np.nan)]])
def test_limits_that_are_none_are_refused(limits: list[tuple[str, float]]) -> None:
    with pytest.raises(InputError, match=r"^limits: expected amounts above 0 of flops, macs, params, got"):
        Problem.of(SURROGATE, limits, None, np.inf)
