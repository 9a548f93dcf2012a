"""Sees every product with a named weight while a network runs, whoever calls it: modules, attention, programs.

Below the modules everything is a convolution or a matrix product, so one place knows them all. A product's output is
followed through views, the bias that is added to it, and the batch norm behind it, up to the sum that joins it with a
shortcut: its *trail*.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cpruner.repair.product import Product
from cpruner.space import evaluating

_ATEN = torch.ops.aten
_TURNED = (_ATEN.t, _ATEN.transpose)
_VIEWS = (_ATEN.view, _ATEN._unsafe_view, _ATEN.reshape, _ATEN.alias, _ATEN.detach)
_NORMS = (
    _ATEN.native_batch_norm,
    _ATEN.cudnn_batch_norm,
    _ATEN.miopen_batch_norm,
    _ATEN._native_batch_norm_legit_no_training,
    _ATEN._batch_norm_no_update,
)
_ADDS = (_ATEN.add, _ATEN.add_)
_METADATA = (_ATEN.empty_like, _ATEN.zeros_like, _ATEN.new_empty, _ATEN.sym_size)


@dataclass(frozen=True)
class Use:
    """A product with a named weight.

    Args:
        name: Name of the weight parameter.
        product: Its geometry.
        entering: What is multiplied.
        bias: Name of the bias that the same operation adds.
    """

    name: str
    product: Product
    entering: Tensor
    bias: str | None


#: One op of a trail: from what comes out of the op before it to what comes out of it.
Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Trail:
    """Where a tensor comes from.

    Args:
        name: The product's weight.
        bias: Name of a bias that was added afterwards.
        norm: Name of the running mean of the batch norm that was applied.
        steps: The ops after the product: views, the sum with a bias, a batch norm.
        shape: Of the product's output.
    """

    name: str
    bias: str | None = None
    norm: str | None = None
    steps: tuple[Step, ...] = ()

    shape: tuple[int, ...] = ()

    def follow(self, output: Tensor) -> Tensor:
        """The ops after the product, on another output."""
        for step in self.steps:
            output = step(output)
        return output

    def shaped(self, tensor: Tensor) -> Tensor:
        """A tensor at the end of the trail in the shape of the product's output."""
        return tensor.reshape(self.shape)


class Listener(Protocol):
    """Who is told; both methods run the op and return its result."""

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """A product is about to run."""
        ...

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        """A sum of two equally shaped tensors is about to run, at least one of them with a trail.

        ``run`` takes the operands, which may be replaced.
        """
        ...

    def follow(self, trail: Trail) -> None:
        """A bias or a norm was applied to what a product made."""
        ...

    def branch(self, trail: Trail) -> None:
        """What a trail has come to is read by something that is not on it, or a second time."""
        ...


@final
class Watch(TorchDispatchMode):
    """A dispatch mode around one forward pass.

    Args:
        network: The network that runs.
        listener: Who is told.
    """

    def __init__(self, network: nn.Module, listener: Listener) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        self._names = {id(tensor): name for name, tensor in tensors.items()}
        self._turned: dict[int, tuple[Tensor, str]] = {}
        self._trails: dict[int, tuple[weakref.ref[Tensor], int, Trail]] = {}
        self._read: set[int] = set()
        self._listener = listener

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one op."""
        kwargs = kwargs or {}
        packet = func.overloadpacket
        if packet in _TURNED and id(args[0]) in self._names and args[0].ndim == 2:
            result = func(*args, **kwargs)
            self._turned[id(result)] = (result, self._names[id(args[0])])
            return result
        use = self._use(packet, args)
        if use is not None:
            self._told(args)
            result = self._listener.product(use, lambda: func(*args, **kwargs))
            return self._mark(result, Trail(use.name, shape=tuple(result.shape)))
        return self._further(func, packet, args, kwargs)

    def _use(self, packet: Any, args: tuple[Any, ...]) -> Use | None:
        if packet is _ATEN.convolution and not args[6]:
            entering, weight, bias, stride, padding, dilation, _, _, groups = args
            if id(weight) not in self._names or not isinstance(weight, nn.Parameter):
                return None
            shape = tuple(weight.shape[2:])
            product = Product(groups, shape, _full(stride, shape), _full(padding, shape), _full(dilation, shape))
            return Use(self._names[id(weight)], product, entering, self._names.get(id(bias)))
        if packet is _ATEN.addmm and len(args) == 3 and id(args[0]) in self._names:
            return self._linear(args[1], args[2], self._names[id(args[0])])
        if packet is _ATEN.mm:
            return self._linear(args[0], args[1], None)
        return None

    def _linear(self, entering: Tensor, weight: Tensor, bias: str | None) -> Use | None:
        if id(weight) in self._turned:
            return Use(self._turned[id(weight)][1], Product(), entering, bias)
        if isinstance(weight, nn.Parameter) and id(weight) in self._names:
            return Use(self._names[id(weight)], Product(inputs_first=True), entering, bias)
        return None

    def _further(self, func: Any, packet: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """An op that may lie on a trail."""
        trail = self._consumed(args[0]) if args else None
        if packet in _ADDS and len(args) > 1 and isinstance(args[1], Tensor) and not kwargs:
            if trail is not None and id(args[1]) in self._names and args[1].ndim == 1 and not trail.norm:
                result = func(*args)
                step: Step = lambda output: _ATEN.add.Tensor(output, args[1])  # noqa: E731
                longer = replace(trail, bias=self._names[id(args[1])], steps=(*trail.steps, step))
                self._listener.follow(longer)
                return self._mark(result, longer)
            trails = [trail, self._consumed(args[1])]
            if any(trails) and args[0].shape == args[1].shape and args[0].dtype == args[1].dtype:
                return self._listener.join(trails, args, func)
        if trail is not None and packet in _VIEWS:
            step = lambda output: func(output, *args[1:], **kwargs)  # noqa: E731
            return self._mark(func(*args, **kwargs), replace(trail, steps=(*trail.steps, step)))
        if trail is not None and packet in _NORMS and trail.norm is None:
            return self._norm(trail, func, args, kwargs)
        if packet not in _METADATA:
            self._told(args)
        return func(*args, **kwargs)

    def _norm(self, trail: Trail, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        result = func(*args, **kwargs)
        named = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
        mean = self._names.get(id(named.get("running_mean")))
        if mean is None or named.get("training"):
            self._told(args)
            return result
        longer = replace(trail, norm=mean, steps=(*trail.steps, lambda output: func(output, *args[1:])[0]))
        self._listener.follow(longer)
        self._mark(result[0], longer)
        return result

    def _told(self, args: Any) -> None:
        """Say which trails something else reads."""
        for value in args:
            if isinstance(value, list | tuple):
                self._told(value)
            elif isinstance(value, Tensor) and (trail := self._trail(value)) is not None:
                self._listener.branch(trail)

    def _mark(self, result: Tensor, trail: Trail) -> Tensor:
        self._trails[id(result)] = (weakref.ref(result), result._version, trail)
        self._read.discard(id(result))
        return result

    def _consumed(self, value: Any) -> Trail | None:
        """The trail of a tensor, which may go on once."""
        trail = self._trail(value)
        if trail is not None and id(value) in self._read:
            self._listener.branch(trail)
        self._read.add(id(value))
        return trail

    def _trail(self, value: Any) -> Trail | None:
        if not isinstance(value, Tensor) or id(value) not in self._trails:
            return None
        made, version, trail = self._trails[id(value)]
        return trail if made() is value and value._version == version else None


@contextmanager
def watched(network: nn.Module, listener: Listener) -> Iterator[None]:
    """Tell a listener about the products of what runs inside; in eval mode, with attention in its single steps."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with evaluating(network), Watch(network, listener):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _full(sizes: Sequence[int], like: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sizes) if len(sizes) == len(like) else tuple(sizes) * len(like)
