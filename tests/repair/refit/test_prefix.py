from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cpruner.repair.refit.prefix import PARTS, Prefix

ALL = torch.arange(3)


def equations(seed: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Moments, right-hand side and an order."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2 * count, count, generator=generator, dtype=torch.float64)
    moments = x.T @ x / len(x) + 0.1 * torch.eye(count, dtype=torch.float64)
    right = torch.randn(count, len(ALL), generator=generator, dtype=torch.float64)
    return moments, right, torch.randperm(count, generator=generator)


def made(moments: Tensor, right: Tensor, order: Tensor, precision: torch.dtype = torch.float64) -> Prefix:
    return Prefix.of(order, torch.linalg.cholesky(moments[order][:, order]), right[order], precision)


@given(st.integers(0, 1000), st.integers(1, 40), st.floats(0, 1), st.sampled_from([(0, 1, 2), (1,), (2, 0)]))
def test_every_prefix_is_the_solution_of_its_equations(seed: int, count: int, share: float, outputs: Any) -> None:
    """Between two widths that are kept, below and above the nearest; fewer rows than parts; some of the outputs."""
    moments, right, order = equations(seed, count)
    rows = order[: max(1, round(share * count))].sort().values
    expected = torch.linalg.solve(moments[rows][:, rows], right[rows][:, list(outputs)])
    assert torch.allclose(made(moments, right, order).solve(rows, torch.tensor(outputs)), expected, atol=1e-10)


def test_by_hand() -> None:
    """A = [[4, 2], [2, 5]] = L L' with L = [[2, 0], [1, 2]]; the second input comes last."""
    prefix = made(torch.tensor([[4.0, 2.0], [2.0, 5.0]]), torch.tensor([[8.0], [20.0]]), torch.tensor([0, 1]))
    assert prefix.inverse_DD.tolist() == [[0.5, -0.25], [0.0, 0.5]]
    assert prefix.half_DO.tolist() == [[4.0], [8.0]]
    assert prefix.solve(torch.tensor([0]), torch.tensor([0])).tolist() == [[2.0]]
    assert prefix.solve(torch.tensor([0, 1]), torch.tensor([0])).tolist() == [[0.0], [4.0]]


def test_rows_that_are_no_prefix() -> None:
    moments, right, _ = equations(0, 4)
    prefix = made(moments, right, torch.tensor([2, 0, 3, 1]))
    for rows, found in [((0, 2), True), ((2,), True), ((0,), False), ((0, 2, 3), True), ((1, 2), False)]:
        assert (prefix.solve(torch.tensor(rows), ALL) is not None) is found


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_kept_in_single_precision_it_is_as_good_as_a_solve_in_it(seed: int) -> None:
    moments, right, order = equations(seed, 60)
    rows = order[:37].sort().values
    prefix = made(moments, right, order, torch.float32)
    exact = torch.linalg.solve(moments[rows][:, rows], right[rows])
    error = (prefix.solve(rows, ALL).double() - exact).norm() / exact.norm()
    assert {t.dtype for t in (prefix.inverse_DD, prefix.half_DO, *prefix.solved)} == {torch.float32}
    assert error < 1e-5


@pytest.mark.parametrize(
    ("count", "expected"), [(16, [0, 2, 4, 6, 8, 10, 12, 14, 16]), (3, [0, 0, 0, 1, 1, 1, 2, 2, 3])]
)
def test_the_widths_that_are_kept(count: int, expected: list[int]) -> None:
    solved = made(*equations(0, count)).solved
    assert [len(weight) for weight in solved] == expected
    assert len(solved) == PARTS + 1


def test_what_is_solved_for_is_not_changed_by_use() -> None:
    """The whole width is kept: its answer shares no memory with the next."""
    moments, right, order = equations(1, 8)
    prefix, rows = made(moments, right, order), torch.arange(8)
    first = prefix.solve(rows, ALL)
    first.zero_()
    assert torch.allclose(prefix.solve(rows, ALL), torch.linalg.solve(moments, right), atol=1e-10)
