import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.ranking.unit import unit_sums
from cpruner.space import FIXED, Cut, Labels, Plan

SQUARE = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
PAIR = Labels(((0, 1),))


def test_sums_run_over_all_tensors_that_are_given() -> None:
    plan = Plan(("a",), (2,), (PAIR,), (Cut("w", 0, 0), Cut("b", 0, 0), Cut("v", 1, 0), Cut("u", 0, 0)))
    values = {"w": SQUARE, "b": torch.tensor([10.0, 20.0]).double(), "v": SQUARE, "not cut": SQUARE}
    assert unit_sums(plan, values).tolist() == [3 + 10 + 4, 7 + 20 + 6]


def test_an_index_that_needs_two_units_counts_for_both() -> None:
    """Two heads of two dimensions."""
    grid = Labels(((0, 0, 1, 1), (2, 3, 2, 3)))
    plan = Plan(("heads", "dims"), (2, 2), (grid,), (Cut("w", 0, 0),))
    assert unit_sums(plan, {"w": torch.tensor([1.0, 2.0, 4.0, 8.0]).double()}).tolist() == [3, 12, 5, 10]


def test_an_index_that_stays_counts_for_nobody() -> None:
    plan = Plan(("a",), (2,), (Labels(((0, FIXED, 1),)),), (Cut("w", 0, 0),))
    assert unit_sums(plan, {"w": torch.tensor([1.0, 2.0, 4.0]).double()}).tolist() == [1, 4]


def test_an_entry_that_two_axes_name_counts_once() -> None:
    """Row 0 and column 0 of the square hold 1, 2 and 3; row 1 and column 1 hold 3, 4 and 2."""
    plan = Plan(("a",), (2,), (PAIR,), (Cut("w", 0, 0), Cut("w", 1, 0)))
    assert unit_sums(plan, {"w": SQUARE}).tolist() == [6, 9]
    apart = Plan(("a", "b"), (2, 2), (PAIR, Labels(((2, 3),))), (Cut("w", 0, 0), Cut("w", 1, 1)))
    assert unit_sums(apart, {"w": SQUARE}).tolist() == [3, 7, 4, 6]


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 2))
def test_sums_are_those_of_marking_what_goes(seed: int, axes: int, factors: int) -> None:
    """Units of any kind on up to three axes of one tensor: take the unit away and add up what is missing."""
    generator = torch.Generator().manual_seed(seed)
    shape = tuple(torch.randint(1, 5, (3,), generator=generator).tolist())
    value = torch.randn(shape, generator=generator, dtype=torch.float64)
    halves = [torch.randint(-1, 2, (2, size), generator=generator)[:factors] for size in shape[:axes]]
    halves = [torch.where(half == FIXED, half, half + 2 * torch.arange(factors)[:, None]) for half in halves]
    labels = tuple(Labels(tuple(map(tuple, half.tolist()))) for half in halves)
    plan = Plan(("a", "b"), (2, 2), labels, tuple(Cut("w", axis, axis) for axis in range(axes)))
    for unit, found in enumerate(unit_sums(plan, {"w": value}).tolist()):
        left = value.clone()
        for axis, half in enumerate(halves):
            left.index_fill_(axis, (half == unit).any(0).nonzero()[:, 0], 0.0)
        assert abs(found - float((value - left).sum())) < 1e-12
