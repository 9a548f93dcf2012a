"""What the agent sees before it decides a group; every entry is comparable between networks.

| entries | meaning |
|---|---|
| 0 | position of the group, t / (T - 1) |
| 1-8 | sin and cos of 1, 2, 4 and 8 half turns of the position, so that neighbouring groups can be told apart |
| 9 | log2 of its channels, over 12 |
| 10, 11 | share of the dense FLOPs and parameters that go when this group alone goes to the lowest ratio |
| 12 | previous action (0 at the first step) |
| 13 | mean keep ratio decided so far (1 at the first step) |
| 14 .. 14+K-1 | every cost over its limit if all undecided groups stay dense |
| 14+K .. 14+2K-1 | every cost over its limit if all undecided groups go to the lowest ratio |
| next 2 | predicted rise of the log loss when this group alone goes to half its channels, and to the lowest ratio |
| next | the first of them, on average over the groups to come after this one |
| next | predicted rise of the log loss if all undecided groups stay dense |
| last | minus the logarithm of the share of the limits that this episode has; only where budgets are drawn |

The four predictions are those of a surrogate of the network, which is made before the search and not changed by it;
they are there with ``problem.sensitivities``. AMC (He et al. 2018) tells size, kernel and stride of a layer; a group
may cut several layers, so what it tells are the shares of costs and of the predicted loss that hang on the group.

A cost that cannot be counted (latency, a callable) is predicted as proportional to FLOPs.

Axis letters: N episodes, T groups decided, G groups, K budgets, O observation.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cpruner.constraint import Reading
from cpruner.space import Counts, PruningSpace

Array = NDArray[np.float64]
Predicted = Callable[[NDArray[np.int64]], Array]
_CEILING = 20.0

_ALIKE = (
    "position",
    *(f"{wave} of {k} half turn{'s' if k > 1 else ''}" for k in (1, 2, 4, 8) for wave in ("sin", "cos")),
    "log2 of channels",
    "share of FLOPs",
    "share of parameters",
    "previous action",
    "mean ratio so far",
)
_FORESEEN = (
    "loss at half the channels",
    "loss at the lowest ratio",
    "loss at half of those to come",
    "loss if the rest stays dense",
)


def entry_names(constraints: Sequence[str], *, sensitivities: bool = True, drawn: bool = False) -> tuple[str, ...]:
    """Names of the entries of an observation, in their order.

    Args:
        constraints: Names of the budgets.
        sensitivities: Whether predicted losses are told.
        drawn: Whether budgets are drawn, so that the share of the limits is told at the end.
    """
    ends = [f"{name} if the rest {does}" for does in ("stays dense", "goes to the lowest") for name in constraints]
    return (*_ALIKE, *ends, *(_FORESEEN if sensitivities else ()), *(("share of the limits",) if drawn else ()))


@dataclass(frozen=True)
class Observer:
    """Builds observations.

    Args:
        space: The pruning space.
        dense: Readings of the dense network, one per budget.
        counted: Field of ``Counts`` by budget name; None where the cost cannot be counted.
        lowest: Smallest keep ratio.
        drawn: Whether budgets are drawn, so that limits are multiplied by a share per episode.
        predicted: From widths (N, G) to the predicted logarithm of the loss (N,); None leaves it out.
    """

    space: PruningSpace
    dense: Sequence[Reading]
    counted: Mapping[str, str | None]
    lowest: float
    drawn: bool = False
    predicted: Predicted | None = None

    @property
    def size(self) -> int:
        """Length of an observation."""
        foreseen = 0 if self.predicted is None else len(_FORESEEN)
        return len(_ALIKE) + 2 * len(self.dense) + foreseen + self.drawn

    @cached_property
    def shares(self) -> Array:
        """Shares of dense FLOPs and parameters that hang on each group alone, shape (G, 2)."""
        counts = self.space.algebra.count(self._alone(self.lowest))
        return np.stack([1 - counts[n][:-1] / max(counts[n][-1], 1.0) for n in ("flops", "params")], axis=1)

    @cached_property
    def sensitivities(self) -> Array:
        """Predicted rise with each group at half, at the lowest, and mean at half of the groups after it, (G, 3)."""
        half_G, lowest_G = (self._rise(self._alone(ratio)[:-1]) for ratio in (0.5, self.lowest))
        after_G = np.arange(len(half_G))[::-1]
        to_come_G = (half_G.sum() - half_G.cumsum()) / np.maximum(after_G, 1)
        return np.stack([half_G, lowest_G, to_come_G], axis=1)

    def _rise(self, width_NG: NDArray[np.int64]) -> Array:
        """Predicted rise of the logarithm of the loss over that of the dense network, shape (N,)."""
        assert self.predicted is not None  # noqa: S101 - nobody asks otherwise
        return self.predicted(width_NG) - self._dense_loss

    @cached_property
    def _dense_counts(self) -> Counts:
        return self.space.algebra.counts(self.space.sizes)

    @cached_property
    def _dense_loss(self) -> float:
        assert self.predicted is not None  # noqa: S101 - nobody asks otherwise
        return float(self.predicted(np.array([self.space.sizes], dtype=np.int64))[0])

    def _alone(self, ratio: float) -> NDArray[np.int64]:
        """Widths with each group alone at a ratio, and those of the dense network, shape (G + 1, G)."""
        groups = len(self.space.groups)
        alone = np.ones((groups + 1, groups))
        alone[np.arange(groups), np.arange(groups)] = ratio
        return self.space.widths_of(alone)

    def predict(self, ratio_G: Sequence[float], share: float = 1.0) -> Array:
        """Cost over limit of every budget for given keep ratios, shape (K,)."""
        return np.asarray(self.predict_of(np.array([ratio_G], dtype=np.float64), np.full(1, share))[0])

    def predict_of(self, ratio_NG: Array, share_N: Array | None = None) -> Array:
        """Cost over limit of every budget for N choices of keep ratios, shape (N, K).

        Args:
            ratio_NG: Keep ratios.
            share_N: What the limits are multiplied by; None is 1 for all.
        """
        counts = self.space.algebra.count(self.space.widths_of(ratio_NG))
        found = np.zeros((len(ratio_NG), len(self.dense)))
        for k, reading in enumerate(self.dense):
            name = self.counted[reading.name] or "flops"
            found[:, k] = reading.scaled * (counts[name] / max(getattr(self._dense_counts, name), 1.0))
        return found if share_N is None else found / share_N[:, None]

    def observe(self, decided: Sequence[float], share: float = 1.0) -> Array:
        """Observation before the next group, given the keep ratios decided so far (all of them after the last step)."""
        decided_1T = np.array([decided], dtype=np.float64).reshape(1, -1)
        return np.asarray(self.observe_of(decided_1T, np.full(1, share))[0])

    def observe_of(self, decided_NT: Array, share_N: Array | None = None) -> Array:
        """The same for N episodes that have decided T groups each, shape (N, O)."""
        groups, (episodes, steps) = len(self.space.groups), decided_NT.shape
        t = min(steps, groups - 1)
        position = t / max(groups - 1, 1)
        waves = [f(math.pi * k * position) for k in (1, 2, 4, 8) for f in (math.sin, math.cos)]
        alike = np.array([position, *waves, math.log2(self.space.sizes[t]) / 12, *self.shares[t]])
        rest = (episodes, groups - steps)
        parts = [
            np.broadcast_to(alike, (episodes, len(alike))),
            decided_NT[:, -1:] if steps else np.zeros((episodes, 1)),
            decided_NT.mean(axis=1, keepdims=True) if steps else np.ones((episodes, 1)),
            self.predict_of(np.concatenate([decided_NT, np.ones(rest)], axis=1), share_N),
            self.predict_of(np.concatenate([decided_NT, np.full(rest, self.lowest)], axis=1), share_N),
        ]
        if self.predicted is not None:
            so_far_N = self._rise(self.space.widths_of(np.concatenate([decided_NT, np.ones(rest)], axis=1)))
            parts += [np.broadcast_to(self.sensitivities[t], (episodes, 3)), so_far_N[:, None]]
        if self.drawn:
            parts.append(-np.log(np.ones(episodes) if share_N is None else share_N)[:, None])
        return np.asarray(np.clip(np.concatenate(parts, axis=1), -1.0, _CEILING))
