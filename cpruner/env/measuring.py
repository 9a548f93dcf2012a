"""Scaling keep ratios until budgets hold that have to be measured on the cut network.

Axis letters: G groups.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, Reading, read
from cpruner.env.judge import Judge
from cpruner.env.projection import Countable
from cpruner.evaluate import Memo

Array = NDArray[np.float64]
#: Keep ratio that leaves one channel of any group.
_NARROWEST = 1e-4
#: Logarithms of factors that are not told apart.
_RESOLUTION = 1e-3


@final
@dataclass(frozen=True, eq=False)
class Measured:
    """Finds the widest scaled proposal that was measured within the measured budgets.

    Args:
        countable: Budgets that can be counted; they are met first, for free.
        judge: Cuts networks, and knows the budgets.
        lowest: No ratio is scaled below this, unless the countable budgets cannot be met otherwise.
        most: Networks measured per proposal at most.
        known: What was measured, by candidate; a candidate is measured once.
    """

    countable: Countable
    judge: Judge
    lowest: float
    most: int
    known: Memo[Candidate, tuple[Reading, ...]] = field(default_factory=Memo)

    @property
    def budgets(self) -> Sequence[Budget]:
        """The budgets that have to be measured."""
        return [budget for budget in self.judge.budgets if budget.cost.counted is None]

    def fit(self, ratio_G: Array, share: float, make: Callable[[Array], Candidate]) -> Array:
        """Keep ratios for a proposal: bisection on the logarithm of the factor.

        The widest network within the countable budgets is measured first, and is taken if it meets the others. If none
        that is measured does, every ratio goes to the lowest. The upper end of the interval of a cost counts.

        Args:
            ratio_G: Proposed keep ratios.
            share: Share of the limits.
            make: From keep ratios to the candidate.
        """
        floor = float(self.countable.floor_of(1, self.lowest, np.full(1, share))[0])
        low, high = self._bounds(ratio_G, floor, share)
        found_G, seen, factor = np.full_like(ratio_G, floor), set[Candidate](), high
        while True:
            reached_G = np.clip(np.exp(factor) * ratio_G, floor, 1.0)
            candidate = make(reached_G)
            if candidate not in seen and len(seen) == self.most:
                return found_G
            seen.add(candidate)
            if self.meets(candidate, share):
                found_G, low = reached_G, factor
            else:
                high = factor
            if high - low < _RESOLUTION:
                return found_G
            factor = (low + high) / 2

    def meets(self, candidate: Candidate, share: float = 1.0) -> bool:
        """Whether the upper ends of all measured budgets are within a share of their limits."""
        readings = self.known.recall(candidate, lambda: self._read(candidate))
        return all(reading.upper_share <= share for reading in readings)

    def _bounds(self, ratio_G: Array, floor: float, share: float) -> tuple[float, float]:
        """Logarithms of the factors that bring all ratios to the floor, and to the countable budgets."""
        smallest, largest = (float(end) for end in (ratio_G.min(where=ratio_G > 0, initial=1.0), ratio_G.max()))
        least = low = float(np.log(max(floor, _NARROWEST) / max(largest, _NARROWEST)))
        high = float(-np.log(smallest))

        def fits(factor: float) -> bool:
            reached_1G = np.clip(np.exp(factor) * ratio_G, floor, 1.0)[None]
            return bool(self.countable.fits_of(reached_1G, np.full(1, share))[0])

        if fits(high):
            return least, high
        while high - low > _RESOLUTION / 10:
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return least, low

    def _read(self, candidate: Candidate) -> tuple[Reading, ...]:
        judged = self.judge.memo.get(candidate)
        if judged is not None:
            names = {budget.name for budget in self.budgets}
            return tuple(reading for reading in judged.readings if reading.name in names)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # as the judge cuts it, whatever was measured before
            made = self.judge.cut if all(budget.structural for budget in self.budgets) else None
            network = (made or self.judge.build)(candidate)
            return read(self.budgets, network, self.judge.example_inputs, self.judge.dense)
