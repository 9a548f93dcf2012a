"""The way of a product's output through views, the bias that is added to it and the batch norm behind it."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

#: One op of a trail: from what comes out of the op before it to what comes out of it.
Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Trail:
    """Where a tensor comes from.

    Args:
        name: The product's weight.
        shape: Of the product's output.
        biased: Whether something was added to every output: by the product's own op, or afterwards.
        bias: Name of the bias that was added afterwards.
        norm: Name of the running mean of the batch norm that was applied.
        steps: The ops after the product: views, the sum with a bias, a batch norm.
    """

    name: str
    shape: tuple[int, ...]
    biased: bool = False
    bias: str | None = None
    norm: str | None = None
    steps: tuple[Step, ...] = ()

    def follow(self, output: Tensor) -> Tensor:
        """The ops after the product, on another output."""
        for step in self.steps:
            output = step(output)
        return output

    def shaped(self, tensor: Tensor) -> Tensor:
        """A tensor at the end of the trail in the shape of the product's output."""
        return tensor.reshape(self.shape)

    def takes_bias(self, tensor: Tensor, added: Tensor) -> bool:
        """Whether ``added`` is one number per output of a linear map, whose output ``tensor`` is, and the first one."""
        along = (*tensor.shape[-1:],) == self.shape[1:] == tuple(added.shape)
        return along and not self.biased and self.norm is None


@final
class Trails:
    """Which tensors of one run lie on a trail. A tensor carries one on at most once.

    Args:
        branched: Told of a trail that is read a second time.
    """

    def __init__(self, branched: Callable[[Trail], None]) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], int, Trail]] = {}
        self._read: set[int] = set()
        self._branched = branched

    def mark(self, tensor: Tensor, trail: Trail) -> Tensor:
        """Put a tensor on a trail; from the next write into it on it no longer is."""
        self._known[id(tensor)] = (weakref.ref(tensor), tensor._version, trail)
        self._read.discard(id(tensor))
        return tensor

    def of(self, value: Any) -> Trail | None:
        """The trail of a tensor."""
        if not isinstance(value, Tensor) or id(value) not in self._known:
            return None
        made, version, trail = self._known[id(value)]
        return trail if made() is value and value._version == version else None

    def read(self, value: Any) -> Trail | None:
        """The trail of a tensor that an op reads which may carry it on."""
        trail = self.of(value)
        if trail is not None:
            if id(value) in self._read:
                self._branched(trail)
            self._read.add(id(value))
        return trail
