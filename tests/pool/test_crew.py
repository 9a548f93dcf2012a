"""The crew with seats whose workers do what a test says, in this process."""

from concurrent.futures import Future
from typing import Any

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.errors import CostError, WorkerError
from cpruner.pool import crew as crew_module
from cpruner.pool.crew import Crew, Seat
from cpruner.pool.worker import Reply


class DeadError(Exception):
    """A worker died."""


class Office:
    """Seats whose items are finished in an order of the test's own, by a wait that picks one of them."""

    def __init__(self, seats: int, picks: list[int], deaths: dict[int, int] | None = None) -> None:
        self.picks, self.deaths = picks, dict(deaths or {})
        self.started: list[int] = []
        self.cleared: list[Desk] = []
        self.pending: dict[Future[Reply], int] = {}
        self.desks = [Desk(self) for _ in range(seats)]

    def wait(self, futures: dict["Future[Reply]", Any], **_: Any) -> Any:
        """Instead of ``concurrent.futures.wait``: let one of the workers finish or die."""
        open_ = [future for future in self.pending if future in futures]
        future = open_[(self.picks.pop(0) if self.picks else 0) % len(open_)]
        item = self.pending.pop(future)
        if self.deaths.get(item, 0) > 0:
            self.deaths[item] -= 1
            future.set_exception(DeadError("SIGKILL"))
        else:
            future.set_result(outcome(item))
        return type("Waited", (), {"done": [future]})


class Desk(Seat):
    death = (DeadError,)

    def __init__(self, office: Office) -> None:
        self.office = office

    def submit(self, item: int) -> "Future[Reply]":
        future: Future[Reply] = Future()
        self.office.started.append(item)
        self.office.pending[future] = item
        return future

    def clear(self) -> None:
        self.office.cleared.append(self)


def outcome(item: int) -> Reply:
    """Ten times the item; negative ones fail."""
    if item >= 0:
        return Reply(10 * item)
    return Reply(error=cloudpickle.dumps(CostError(f"item {item}")), trace="there", exhausted=item == -99)


def crewed(office: Office, monkeypatch: pytest.MonkeyPatch, attempts: int = 3) -> Crew:
    monkeypatch.setattr(crew_module, "wait", office.wait)
    return Crew(office.desks, attempts, "item {}".format)


@given(
    seats=st.integers(1, 4),
    items=st.lists(st.integers(0, 9), max_size=8),
    picks=st.lists(st.integers(0, 9), max_size=30),
    deaths=st.dictionaries(st.integers(0, 9), st.integers(0, 2)),
)
def test_results_do_not_depend_on_who_finishes_first_or_dies(
    seats: int, items: list[int], picks: list[int], deaths: dict[int, int]
) -> None:
    with pytest.MonkeyPatch.context() as world:
        distinct = list(dict.fromkeys(items))
        office = Office(seats, picks, deaths)
        kept: dict[int, int] = {}
        assert list(crewed(office, world).map(distinct, kept.__setitem__)) == [10 * item for item in distinct]
        assert kept == {number: 10 * item for number, item in enumerate(distinct)}
        died = sum(deaths.get(item, 0) for item in distinct)
        assert len(office.cleared) == died
        assert len(office.started) == len(distinct) + died


def test_what_is_there_is_kept_before_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    office, kept = Office(3, [2, 1, 0]), list[tuple[int, int]]()
    results = crewed(office, monkeypatch).map([1, 2, 3], lambda number, value: kept.append((number, value)))
    assert next(results) == 10
    assert kept == [(2, 30), (1, 20), (0, 10)]


def test_every_seat_has_one_item_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(2, [])
    results = crewed(office, monkeypatch).map([1, 2, 3])
    assert office.started == []
    assert next(results) == 10
    assert office.started == [1, 2]
    assert next(results) == 20
    assert office.started == [1, 2, 3]


def test_an_item_that_kills_everyone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(2, [], {2: 99})
    results = crewed(office, monkeypatch, attempts=2).map([1, 2, 3])
    assert next(results) == 10
    with pytest.raises(WorkerError, match=r"expected item 2 to be judged, got 2 workers that died on it: SIGKILL") as e:
        next(results)
    assert "pool.backend=serial" in str(e.value)
    assert isinstance(e.value.__cause__, DeadError)
    assert office.started.count(2) == 2


def test_a_worker_out_of_memory_is_replaced_and_the_last_error_told(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(1, [])
    with pytest.raises(WorkerError, match=r"expected item -99 to be judged, got 3 .*: item -99"):
        list(crewed(office, monkeypatch).map([-99]))
    assert office.cleared == office.desks * 3


def test_of_several_errors_the_first_in_order_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    office, kept = Office(3, [2, 1, 0]), list[int]()
    results = crewed(office, monkeypatch).map([1, -2, -3, 4, 5], lambda number, value: kept.append(number))
    assert next(results) == 10
    with pytest.raises(CostError, match="item -2"):
        next(results)
    assert office.started == [1, -2, -3]  # nobody asks for what comes later
    assert kept == [0]


def test_what_an_abandoned_call_left_is_finished_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    office, kept = Office(2, []), list[int]()
    crew = crewed(office, monkeypatch)
    left = crew.map([1, 2, 3], lambda number, value: kept.append(value))
    assert next(left) == 10
    left.close()  # type: ignore[attr-defined]
    assert list(crew.map([7, 8])) == [70, 80]
    assert office.started == [1, 2, 7, 8]
    assert kept == [10, 20]


def test_closing_lets_everyone_go_and_then_shuts(monkeypatch: pytest.MonkeyPatch) -> None:
    office, told = Office(2, []), list[int]()
    with Crew(office.desks, 1, shut=lambda: told.append(len(office.cleared))):
        pass
    assert told == [2]
    assert Crew([], 1).beside


def test_nothing_to_do_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(2, [])
    assert list(crewed(office, monkeypatch).map([])) == []
    assert office.started == []
