"""What a run may prune: the options of a trace that have a place in a config file."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from cpruner.space.space import PruningSpace
from cpruner.space.trace import trace
from cpruner.spec import check, option


@dataclass(frozen=True)
class Scope:
    """Options of the pruning space."""

    include: list[str] | None = option(
        None, "modules whose channels may go, by name or glob (layer3, '*.conv1'); null for all"
    )
    exclude: list[str] = option([], "modules that keep all their tensors as they are, by name or glob")
    multiple_of: int = option(
        1, "widths are multiples of this; 0 takes what suits the device and the type of the numbers", low=0
    )
    min_width: int = option(1, "no group gets narrower than this", low=1)

    def __post_init__(self) -> None:
        check(self)

    def trace(self, model: nn.Module, example_inputs: Any) -> PruningSpace:
        """The space of a model within these limits; see ``cpruner.trace``."""
        return trace(
            model,
            example_inputs,
            include=self.include,
            exclude=self.exclude,
            multiple_of=self.multiple_of or "auto",
            min_width=self.min_width,
        )
