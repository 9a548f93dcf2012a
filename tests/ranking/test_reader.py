import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.ranking import reader
from cpruner.ranking.reader import Reader


def problem(seed: int, units: int, size: int, others: int) -> tuple[Tensor, Tensor, Tensor]:
    """Second moments of ``units * size + others`` inputs in shuffled order, targets, rows of the units."""
    generator = torch.Generator().manual_seed(seed)
    count = units * size + others
    x = torch.randn(count, 3 * count, generator=generator, dtype=torch.float64)
    rows = torch.randperm(count, generator=generator)[: units * size].reshape(units, size)
    return x @ x.T / 3 / count, torch.randn(count, 2, generator=generator, dtype=torch.float64), rows


def unexplained(a: Tensor, b: Tensor, gone: Tensor) -> Tensor:
    kept = torch.tensor([i for i in range(len(a)) if i not in set(gone.tolist())])
    return -(torch.linalg.solve(a[kept][:, kept], b[kept]) * b[kept]).sum()


@pytest.mark.parametrize("pending", [1, 5, 256])
@pytest.mark.parametrize("measured", [False, True])
@given(st.integers(0, 100), st.integers(2, 6), st.integers(1, 3), st.integers(0, 3))
def test_rises_are_those_of_solving_from_scratch(
    pending: int, measured: bool, seed: int, units: int, size: int, others: int
) -> None:
    """Whenever the collected downdates are applied: at once, now and then, never. A measure has columns of its own."""
    a, b, rows = problem(seed, units, size, others)
    counted = 3 * b.flip(0) if measured else b
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_PENDING", pending)
        found = Reader.of(torch.arange(units), rows, torch.linalg.inv(a), b, counted if measured else None)
        gone = torch.zeros(0, dtype=torch.int64)
        for unit in torch.randperm(units, generator=torch.Generator().manual_seed(seed)).tolist()[:-1]:
            base, rise = unexplained(a, b, gone), found.increase(units)
            for other in range(units):
                if rows[other][0] not in gone:
                    expected = unexplained(a, b, torch.cat([gone, rows[other]])) - base
                    assert torch.isclose(rise[other], expected, rtol=1e-6, atol=1e-9)
                else:
                    assert rise[other] == 0
            before = unexplained(a, counted, gone)
            gone = torch.cat([gone, rows[unit]])
            rose = float(unexplained(a, counted, gone) - before)
            assert found.remove(unit) == pytest.approx(rose, rel=1e-6, abs=1e-9)


def test_units_a_layer_does_not_read_raise_nothing() -> None:
    a, b, rows = problem(0, 2, 2, 0)
    found = Reader.of(torch.tensor([3, 1]), rows, torch.linalg.inv(a), b)
    assert (found.increase(5) > 0).tolist() == [False, True, False, True, False]


def test_the_inverse_it_was_made_from_is_not_changed() -> None:
    a, b, rows = problem(1, 4, 2, 1)
    inverse = torch.linalg.inv(a)
    before = inverse.clone()
    found = Reader.of(torch.arange(4), rows, inverse, b)
    found.remove(2)
    assert torch.equal(inverse, before)
