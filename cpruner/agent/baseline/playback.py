"""Plays a whole sequence of actions step by step.

Axis letters: T steps, A action.
"""

from collections.abc import Callable
from typing import final

import numpy as np

from cpruner.cmdp import Array


@final
class Playback:
    """Where in its sequence an open-loop agent is; nothing of it outlives an episode."""

    def __init__(self) -> None:
        self._sequence_TA: Array | None = None
        self._steps = 0

    def begin(self) -> None:
        """Back to the first step, with a sequence still to be chosen."""
        self._sequence_TA, self._steps = None, 0

    def act(self, propose: Callable[[], Array]) -> Array:
        """The next action of the sequence that ``propose`` chose at the first call of the episode."""
        if self._sequence_TA is None:
            self._sequence_TA = propose()
        return self.show(self._sequence_TA)

    def show(self, sequence_TA: Array) -> Array:
        """The action of another sequence at this step; the last one again after its end."""
        t, self._steps = min(self._steps, len(sequence_TA) - 1), self._steps + 1
        return np.array(sequence_TA[t])
