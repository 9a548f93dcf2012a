"""The protocol of every backend: items in, results out in the order of the items."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar


class Workers(ABC):
    """Whoever applies one function, given beforehand, to items; a context manager that lets its workers go.

    Results must depend on the item alone: not on who works on it, after what, or who finishes first.
    """

    #: Whether they work beside the main process, several at a time.
    beside: ClassVar[bool] = True

    @abstractmethod
    def map(self, items: Sequence[Any], keep: Callable[[int, Any], None] | None = None) -> Iterator[Any]:
        """Results in the order of the items, each as soon as it and all before it are there.

        Args:
            items: What to work on.
            keep: Told the place of an item and its result the moment that is there, in the order in which workers
                finish: what is lost when the iterator is left half-way, for whoever wants it all the same.

        Raises:
            WorkerError: The workers on an item died, as often as is allowed.
            Exception: Whatever the function raised; of several items, that of the first one.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop all work at once; no process is left behind."""

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
