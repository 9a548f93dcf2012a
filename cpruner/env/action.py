"""What an action says of a group: a keep ratio, one of a few levels, or which units stay.

Axis letters: N episodes, A action, L levels, U units of one group.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.env.spec import PruningProblem
from cpruner.errors import InputError
from cpruner.space import PruningSpace

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Actions:
    """Reads actions.

    Args:
        space: Whose groups are decided.
        lowest: Smallest keep ratio.
        size: Length A of an action.
        levels: Keep ratios that an action is snapped to; None for any.
        masks: Whether an action is a number per unit.
    """

    space: PruningSpace
    lowest: float
    size: int = 1
    levels: Array | None = None
    masks: bool = False

    @classmethod
    def of(cls, spec: PruningProblem, space: PruningSpace) -> "Actions":
        """What the options name."""
        levels = np.linspace(spec.lowest, 1.0, spec.levels) if spec.action == "levels" else None
        masks = spec.action == "mask"
        return cls(space, spec.lowest, max(space.sizes) if masks else 1, levels, masks)

    def ratios_of(self, action_N: Array) -> Array:
        """Keep ratios of actions that are ratios or levels, shape (N,)."""
        ratio_N = np.clip(action_N, self.lowest, 1.0)
        if self.levels is None:
            return ratio_N
        return np.asarray(self.levels[np.abs(ratio_N[:, None] - self.levels).argmin(axis=1)])

    def read(self, action: Array, step: int) -> tuple[float, tuple[int, ...]]:
        """Keep ratio and, of a mask, the order in which the units of the group stay.

        Of a mask, the ratio is the share of the units that are at 0.5 or above, or ``lowest``.

        Args:
            action: A number, or one per unit; what is beyond the size of the group is not looked at.
            step: Number of the group.

        Raises:
            InputError: A number is NaN, or the mask is too short.
        """
        group, given_A = self.space.groups[step], np.asarray(action, dtype=np.float64).reshape(-1)
        given_U = given_A[: group.size if self.masks else 1]
        if math.isnan(given_U.sum()):
            raise InputError(
                f"keep ratio of '{group.name}'", expected="a number in [0, 1]", got=math.nan, remedy="Check the agent."
            )
        if not self.masks:
            return float(self.ratios_of(given_U)[0]), ()
        if len(given_U) < group.size:
            remedy = f"Let the agent act with {self.size} numbers, one per unit of the largest group."
            expected = f"{group.size} numbers"
            raise InputError(f"mask of '{group.name}'", expected=expected, got=len(given_U), remedy=remedy)
        ranked = np.array(self.space.ranking[step])
        order_U = ranked[np.argsort(-given_U[ranked], kind="stable")]  # equal scores: by the space's ranking
        share = np.count_nonzero(given_U >= 0.5) / group.size
        return float(self.ratios_of(np.array([share]))[0]), tuple(order_U.tolist())

    def executed(self, ratio: float, order: tuple[int, ...], step: int) -> Array:
        """The action that would have said what was executed, shape (A,).

        Args:
            ratio: Keep ratio that was executed.
            order: Of the units, for a mask.
            step: Number of the group.
        """
        if not self.masks:
            return np.array([ratio])
        mask_A = np.zeros(self.size)
        mask_A[list(order[: self.space.rounding.width(len(order), ratio, self.space.groups[step].step)])] = 1.0
        return mask_A
