import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.pool.threads import share, threads


@pytest.mark.parametrize(
    ("here", "cores", "workers", "asked", "each"),
    [(8, 8, 2, 0, 4), (8, 8, 3, 0, 2), (1, 8, 2, 0, 1), (2, 8, 2, 0, 2), (4, 2, 4, 0, 1), (1, 2, 2, 5, 5)],
)
def test_threads_of_a_worker(
    here: int, cores: int, workers: int, asked: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: here)
    assert share(cores, workers, asked) == each


@given(st.integers(1, 64), st.integers(1, 64))
def test_all_workers_together_ask_for_no_more_than_there_is(cores: int, workers: int) -> None:
    assert share(cores, workers) * workers <= max(cores, workers)


def test_they_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with threads(before + 1):
            raise KeyError(torch.get_num_threads())

    with pytest.raises(KeyError, match=str(before + 1)):
        fail()
    assert torch.get_num_threads() == before
    with threads(0):
        assert torch.get_num_threads() == before
