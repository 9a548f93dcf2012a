"""Results that were already paid for."""

from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from typing import Protocol, TypeVar, final

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K_contra = TypeVar("K_contra", contravariant=True)


class Shared(Protocol[K_contra, V]):
    """Results that others see, too: asked for one at a time, never taken back."""

    def __getitem__(self, key: K_contra) -> V:
        """The result, or KeyError."""
        ...

    def __setitem__(self, key: K_contra, value: V) -> None:
        """Tell the others; what is of no use to them may be left out."""
        ...


@final
class Memo(MutableMapping[K, V]):
    """A dictionary that computes what it lacks and counts how often it did not have to.

    Args:
        known: Results to start with, for example from a checkpoint.
        behind: Results shared with others, looked up last and written at once; not counted in ``len`` and not iterated
            before they were asked for.

    Attributes:
        hits: Number of ``recall`` calls that were answered without computing.
        misses: Number of ``recall`` calls that had to compute and succeeded.
    """

    def __init__(self, known: Mapping[K, V] | None = None, behind: Shared[K, V] | None = None) -> None:
        self._values: dict[K, V] = dict(known or {})
        self._behind = behind
        self.hits = 0
        self.misses = 0

    def recall(self, key: K, compute: Callable[[], V]) -> V:
        """Return the value of ``key``, computed and kept the first time; if ``compute`` raises, nothing is kept."""
        if key in self:
            self.hits += 1
            return self._values[key]
        value = self[key] = compute()
        self.misses += 1
        return value

    def __getitem__(self, key: K) -> V:
        if key not in self._values and self._behind is not None:
            self._values[key] = self._behind[key]
        return self._values[key]

    def __setitem__(self, key: K, value: V) -> None:
        self._values[key] = value
        if self._behind is not None:
            self._behind[key] = value

    def __delitem__(self, key: K) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
