"""One layer of the dense network, as repair sees it: a product with a parameter, and what surrounds it."""

from dataclasses import dataclass

from torch import Tensor

from cpruner.repair.statistics.moment import Moments
from cpruner.repair.watch import Product


@dataclass(frozen=True)
class Layer:
    """One product Y = X W with a parameter: what repair knows of it. Y is without any bias.

    Args:
        weight: Name of the parameter.
        bias: Name of a bias that is added to every output, and to nothing else; None where there is none.
        norm: Module path of the batch norm that reads the output, and nothing else, directly.
        product: The geometry.
        dense: Moments of the dense network.
        rows: How many rows the images of the sequential pass make.
        at_M: Sampled rows of that pass, int64; empty if there is none.
        target_GMO: Dense outputs at these rows.
        sum_GMO: Where the output is joined with a shortcut, and read by nothing else: the dense sum at these rows.
    """

    weight: str
    bias: str | None
    norm: str | None
    product: Product
    dense: Moments
    rows: int
    at_M: Tensor
    target_GMO: Tensor
    sum_GMO: Tensor | None = None

    @property
    def takes_offset(self) -> bool:
        """Whether there is a place for an intercept."""
        return self.bias is not None or self.norm is not None


@dataclass(frozen=True)
class Skipped:
    """A parameter that is multiplied and left as cut.

    Args:
        reason: Why.
        axes: Axes one of which runs along the inputs of the product.
    """

    reason: str
    axes: tuple[int, ...]

    def __str__(self) -> str:
        return self.reason
