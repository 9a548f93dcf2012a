from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from cpruner.pool import Workers


class Closing(Workers):
    """Does nothing but remember that it was closed."""

    closed = False

    def map(self, items: Sequence[Any], keep: Callable[[int, Any], None] | None = None) -> Iterator[Any]:
        yield from items

    def close(self) -> None:
        self.closed = True


def test_they_are_closed_at_the_end() -> None:
    with Closing() as workers:
        assert isinstance(workers, Closing)
        assert not workers.closed
    assert workers.closed


def test_they_are_closed_when_something_goes_wrong() -> None:
    workers = Closing()
    with pytest.raises(KeyboardInterrupt), workers:
        raise KeyboardInterrupt
    assert workers.closed


def test_workers_are_beside_the_main_process_unless_they_say_otherwise() -> None:
    assert Closing().beside
    with pytest.raises(TypeError, match="abstract"):
        Workers()  # type: ignore[abstract]
