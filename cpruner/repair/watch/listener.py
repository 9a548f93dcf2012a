"""What is told about a network while it runs, and to whom."""

# ruff: noqa: B027

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from cpruner.repair.watch.product import Product
from cpruner.repair.watch.trail import Trail


@dataclass(frozen=True)
class Use:
    """A product with a parameter.

    Args:
        name: Name of the weight.
        product: Its geometry.
        entering: What is multiplied.
        bias: Name of the bias that the same operation adds.
        added: What the same operation adds: that bias, or something that has no name; (outputs,).
    """

    name: str
    product: Product
    entering: Tensor
    bias: str | None = None
    added: Tensor | None = None

    def outputs(self, output: Tensor, at_M: Tensor) -> Tensor:
        """Rows Y = X W of what the operation put out, (G, M, O): without what it added."""
        y_GMO = self.product.outputs(output, at_M)
        return y_GMO if self.added is None else y_GMO - self.per_group(self.added).to(y_GMO.dtype)

    def per_group(self, values: Tensor) -> Tensor:
        """One value per output as (G, 1, O)."""
        return values.detach().view(self.product.groups, 1, -1)


class Listener(ABC):
    """Who is told; ``product`` and ``join`` run the op and return its result. The rest may be left out."""

    @abstractmethod
    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """A product is about to run."""

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        """A sum of two equally shaped tensors is about to run, at least one of them with a trail.

        ``run`` takes the operands, which may be replaced.
        """
        del trails
        return run(*operands)

    def follow(self, trail: Trail) -> None:
        """A bias or a batch norm was applied to what a product made."""

    def branch(self, trail: Trail) -> None:
        """What a trail has come to is read by something that is not on it, or a second time."""

    def read(self, name: str, op: str) -> None:
        """A parameter is read by an op that is neither a product nor a view of it."""

    def norm(self, mean: str) -> None:
        """A batch norm ran, on whatever; ``mean`` is the name of its running mean."""

    def missed(self, name: str, reason: str, axes: tuple[int, ...]) -> None:
        """A parameter is multiplied in a way that is not followed; one of ``axes`` runs along the inputs."""
