"""One layer of the dense network, as repair sees it: a product with a named weight, and what surrounds it."""

from dataclasses import dataclass

from torch import Tensor

from cpruner.repair.moment import Moments
from cpruner.repair.product import Product


@dataclass(frozen=True)
class Layer:
    """One product with a weight: what repair knows of it.

    Args:
        weight: Name of the parameter.
        bias: Name of its bias; None where it has none.
        fused: Whether the product adds the bias itself, so that its output has it.
        norm: Module path of the batch norm that reads the output directly.
        product: The geometry.
        dense: Moments of the dense network.
        at_M: Sampled rows of the sequential pass, int64; empty if there is none.
        target_GMO: Dense outputs at these rows.
        sum_GMO: Where the output is joined with a shortcut, and read by nothing else: the dense sum at these rows.
    """

    weight: str
    bias: str | None
    fused: bool
    norm: str | None
    product: Product
    dense: Moments
    at_M: Tensor
    target_GMO: Tensor
    sum_GMO: Tensor | None = None

    @property
    def takes_offset(self) -> bool:
        """Whether there is a place for an intercept."""
        return self.bias is not None or self.norm is not None
