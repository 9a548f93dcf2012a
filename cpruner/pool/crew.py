"""Items go to whoever is free, results come back in order, and who dies is replaced."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, final

from cpruner.errors import WorkerError
from cpruner.pool.worker import Reply
from cpruner.pool.workers import Workers


class Seat(ABC):
    """The place of one worker: who sits there may change."""

    #: What the future of an item raises when the worker on it has died.
    death: tuple[type[BaseException], ...]

    @abstractmethod
    def submit(self, item: Any) -> "Future[Reply]":
        """Give the worker an item; the first one, and the first after ``clear``, starts a worker."""

    @abstractmethod
    def clear(self) -> None:
        """Let the worker go, whatever it is doing."""


@dataclass(eq=False)
class _Round:
    """One call of ``map``."""

    items: Sequence[Any]
    keep: Callable[[int, Any], None] | None
    waiting: deque[int]
    replies: dict[int, Reply] = field(default_factory=dict)
    tried: dict[int, int] = field(default_factory=dict)
    #: Nobody will ask for results behind the first failure.
    end: int = 0

    def answer(self, number: int, reply: Reply) -> None:
        self.replies[number] = reply
        if reply.error is not None:
            self.end = min(self.end, number)
        elif self.keep is not None:
            self.keep(number, reply.value)


@final
class Crew(Workers):
    """The workers of one function.

    Args:
        seats: Their places.
        attempts: How many may die on one item.
        name: How messages call an item.
        shut: Called last when the crew is closed.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        attempts: int,
        name: Callable[[Any], str] = str,
        shut: Callable[[], None] = lambda: None,
    ) -> None:
        self._seats, self._attempts, self._name, self._shut = tuple(seats), attempts, name, shut
        self._busy: dict[Future[Reply], tuple[Seat, _Round, int]] = {}

    def map(self, items: Sequence[Any], keep: Callable[[int, Any], None] | None = None) -> Iterator[Any]:
        """See ``Workers``. Work that an abandoned call left behind is finished first, and forgotten."""
        turn = _Round(items, keep, deque(range(len(items))), end=len(items))
        for number in range(len(items)):
            while number not in turn.replies:
                self._assign(turn)
                for future in wait(self._busy, return_when=FIRST_COMPLETED).done:
                    self._collect(future)
            yield turn.replies.pop(number).result()

    def close(self) -> None:
        """See ``Workers``."""
        try:
            for seat in self._seats:
                seat.clear()
        finally:
            self._busy.clear()
            self._shut()

    def _assign(self, turn: _Round) -> None:
        taken = {seat for seat, _, _ in self._busy.values()}
        for seat in self._seats:
            if seat not in taken and turn.waiting and turn.waiting[0] < turn.end:
                number = turn.waiting.popleft()
                turn.tried[number] = turn.tried.get(number, 0) + 1
                self._busy[seat.submit(turn.items[number])] = (seat, turn, number)

    def _collect(self, future: "Future[Reply]") -> None:
        seat, turn, number = self._busy.pop(future)
        try:
            reply = future.result()
        except seat.death as error:
            seat.clear()
            self._again(turn, number, error)
            return
        if reply.exhausted:
            seat.clear()
            self._again(turn, number, _raised(reply))
        else:
            turn.answer(number, reply)

    def _again(self, turn: _Round, number: int, reason: BaseException) -> None:
        """Another worker is to try, unless enough have."""
        if turn.tried[number] < self._attempts:
            turn.waiting.appendleft(number)
            return
        item = self._name(turn.items[number])
        raise WorkerError(
            f"pool: expected {item} to be judged, got {self._attempts} workers that died on it: {reason}\n"
            "Is it memory? Then take fewer workers. pool.backend=serial shows what happens."
        ) from reason


def _raised(reply: Reply) -> BaseException:
    """The error of a reply, caught."""
    try:
        reply.result()
    except BaseException as error:
        return error
    raise AssertionError("a reply of a worker that ran out of memory has an error")
