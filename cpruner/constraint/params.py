"""Parameters: how many numbers the network has learnt."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import nn

from cpruner.constraint.cost import Sample
from cpruner.constraint.steady import require_initialised


@final
@dataclass(frozen=True)
class Params:
    """Elements of all parameters, trainable or not; a shared parameter counts once, buffers do not count."""

    name: ClassVar[str] = "params"
    unit: ClassVar[str] = "params"
    counted: ClassVar[str | None] = "params"

    def measure(self, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:  # noqa: ARG002 -- protocol
        """Count; the network is not run."""
        require_initialised(network)
        return Sample(float(sum(parameter.numel() for parameter in network.parameters())))
