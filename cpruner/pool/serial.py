"""One after the other, in this process."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, final

from cpruner.pool.threads import threads
from cpruner.pool.workers import Workers


@final
class Serial(Workers):
    """No worker but the main process; an item is worked on when its result is asked for.

    Args:
        function: What is done with an item.
        count: CPU threads of torch meanwhile; 0 leaves them as they are.
    """

    beside = False

    def __init__(self, function: Callable[[Any], Any], count: int = 0) -> None:
        self._function, self._count = function, count

    def map(self, items: Sequence[Any], keep: Callable[[int, Any], None] | None = None) -> Iterator[Any]:
        """See ``Workers``."""
        for number, item in enumerate(items):
            with threads(self._count):
                result = self._function(item)
            if keep is not None:
                keep(number, result)
            yield result

    def close(self) -> None:
        """Nothing to stop."""
