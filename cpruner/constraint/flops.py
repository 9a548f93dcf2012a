"""FLOPs and MACs: exact counts of one forward call on the example inputs."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import nn

from cpruner.constraint.cost import Sample
from cpruner.constraint.example import as_inputs
from cpruner.constraint.tally import count_flops


@final
@dataclass(frozen=True)
class Flops:
    """Floating point operations of one forward call: FLOPs = 2 MACs.

    Convolutions, matrix products and attention are counted; normalisation, activations, pooling and biases are not.
    All examples in the example inputs count, so give a batch of one for FLOPs per example.
    """

    name: ClassVar[str] = "flops"
    unit: ClassVar[str] = "FLOPs"
    counted: ClassVar[str | None] = "flops"

    def measure(self, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:
        """Count; raises CostError rather than count an unknown operator as nothing."""
        return Sample(float(count_flops(network, as_inputs(example_inputs))))


@final
@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one forward call, half of the FLOPs; the same operators are counted."""

    name: ClassVar[str] = "macs"
    unit: ClassVar[str] = "MACs"
    counted: ClassVar[str | None] = "macs"

    def measure(self, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:
        """Count; raises CostError rather than count an unknown operator as nothing."""
        return Sample(count_flops(network, as_inputs(example_inputs)) / 2)
