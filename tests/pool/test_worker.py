import os
import pickle
import signal
import threading
from typing import Any

import pytest
import torch

from cpruner.errors import CostError, InputError
from cpruner.pool import worker
from cpruner.pool.shipment import Shipment, ship
from cpruner.pool.worker import Reply, Worker, serve


def reply(function: Any, item: Any = None) -> Reply:
    """What a worker replies, after a journey between processes."""
    back: Reply = pickle.loads(pickle.dumps(Worker(ship(function, torch.get_num_threads())).work(item)))  # noqa: S301
    return back


def raising(error: BaseException) -> Reply:
    def function(item: Any) -> None:
        raise error

    return reply(function)


def test_a_result_is_the_value() -> None:
    assert reply(lambda item: item + 1, 2).result() == 3


@pytest.mark.parametrize(
    "error",
    [
        CostError("cost 'energy': no meter"),
        InputError("labels", expected="numbers", got="text", remedy="Use numbers."),
        ValueError("plain"),
        SystemExit(3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_error_with_the_traceback_of_the_worker(error: BaseException) -> None:
    found = raising(error)
    assert not found.exhausted
    with pytest.raises(type(error)) as caught:
        found.result()
    assert (str(caught.value), vars(caught.value)) == (str(error), vars(error))
    assert "in function" in str(caught.value.__cause__)


def test_an_error_of_the_users_own_class_is_caught_as_that() -> None:
    class MineError(Exception):
        pass

    with pytest.raises(MineError, match="own"):
        raising(MineError("my own")).result()


def test_an_error_that_cannot_travel_is_told() -> None:
    class OddError(Exception):
        def __init__(self, one: str, *, other: str) -> None:
            super().__init__(f"{one} and {other}")

    def function(item: Any) -> None:
        raise OddError("this", other="that")

    with pytest.raises(RuntimeError, match=r"^OddError: this and that$"):
        reply(function).result()


def test_out_of_memory_is_told_apart_whatever_became_of_it() -> None:
    assert raising(MemoryError("no more")).exhausted
    assert raising(torch.OutOfMemoryError("CUDA")).exhausted

    def cost(item: Any) -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise CostError("cost 'energy'") from error

    assert reply(cost).exhausted


def test_it_is_unpacked_once_and_what_fails_then_is_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[Shipment] = []
    real = Shipment.unpack
    monkeypatch.setattr(Shipment, "unpack", lambda shipment: unpacked.append(shipment) or real(shipment))
    monkeypatch.setattr(worker, "_worker", None)
    shipment = ship(abs, torch.get_num_threads())
    assert [worker.work(shipment, item).value for item in (-1, -2)] == [1, 2]
    assert unpacked == [shipment]
    broken = Worker(Shipment(torch.get_num_threads(), (), b"nothing"))
    with pytest.raises(Exception, match=r"file|archive|EOF|pickle|load"):
        broken.work(0).result()


def test_a_worker_does_not_hear_ctrl_c_and_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, parents = threading.Event(), [7, 7, 1]
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    heard = signal.getsignal(signal.SIGINT)
    try:
        serve(7, seconds=0.001)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, heard)
    assert ended.wait(5)
    assert parents == []
