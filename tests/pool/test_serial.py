import pytest
import torch

from cpruner.pool.serial import Serial


def test_an_item_is_worked_on_when_its_result_is_asked_for() -> None:
    done: list[int] = []
    kept: list[tuple[int, int]] = []

    def square(number: int) -> int:
        done.append(number)
        return number**2

    with Serial(square) as workers:
        results = workers.map([3, 4, 5], lambda number, value: kept.append((number, value)))
        assert done == []
        assert next(results) == 9
        assert (done, kept) == ([3], [(0, 9)])
        assert list(results) == [16, 25]
    assert kept == [(0, 9), (1, 16), (2, 25)]
    assert not workers.beside


def test_errors_come_as_they_are() -> None:
    results = Serial(lambda number: 1 // number).map([1, 0, 2])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_so_many_threads_meanwhile_and_only_then() -> None:
    before = torch.get_num_threads()
    seen = [torch.get_num_threads() for _ in Serial(lambda item: item, 3).map([0])]
    inside = list(Serial(lambda item: torch.get_num_threads(), 3).map([0, 1]))
    assert (seen, inside) == ([before], [3, 3])
