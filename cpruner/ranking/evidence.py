"""What a criterion may look at."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import Tensor, nn

from cpruner.ranking.spec import Rank
from cpruner.repair import Statistics
from cpruner.space import PruningSpace


@dataclass(frozen=True)
class Evidence:
    """A network and what is known of it.

    Args:
        model: The dense network; every criterion leaves it as it was.
        space: Its pruning space.
        batches: Batches of training images and int64 labels (B,); gradients are taken on the first ``spec.images``.
        statistics: Activation statistics of the network, for ``elimination``.
        spec: Options.
    """

    model: nn.Module
    space: PruningSpace
    batches: Iterable[tuple[Tensor, Tensor]] = field(default=(), repr=False)
    statistics: Statistics | None = field(default=None, repr=False)
    spec: Rank = field(default_factory=Rank)
