"""Sees every product with a parameter while a network runs, whoever calls it: modules, attention, programs.

Below the modules everything is a convolution or a matrix product, so one place knows them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cpruner.repair.watch.listener import Listener, Use
from cpruner.repair.watch.origin import Origins, tensors_in
from cpruner.repair.watch.product import Product
from cpruner.repair.watch.trail import Step, Trail, Trails
from cpruner.space import evaluating

_ATEN = torch.ops.aten
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
#: Ops that sum over inputs: places of what they multiply, and the axis that is summed over.
_CONTRACTIONS: Mapping[Any, tuple[tuple[int, int | None], ...]] = {
    _ATEN.convolution: ((1, 1),),
    _ATEN.mm: ((0, -1), (1, -2)),
    _ATEN.addmm: ((1, -1), (2, -2)),
    _ATEN.bmm: ((0, -1), (1, -2)),
    _ATEN.baddbmm: ((1, -1), (2, -2)),
    _ATEN.mv: ((0, -1), (1, -1)),
    _ATEN.addmv: ((1, -1), (2, -1)),
    _ATEN._trilinear: ((0, None), (1, None), (2, None)),
}


@final
class Watch(TorchDispatchMode):
    """A dispatch mode around one forward pass.

    Args:
        network: The network that runs.
        listener: Who is told.
    """

    def __init__(self, network: nn.Module, listener: Listener) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._names = {id(tensor): name for name, tensor in network.named_buffers()}
        self._origins, self._trails, self._listener = Origins(network), Trails(listener.branch), listener

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one op."""
        kwargs = kwargs or {}
        packet = func.overloadpacket
        use = None if kwargs else self._use(packet, args)
        if use is not None:
            self._told(args)
            result = self._listener.product(use, lambda: func(*args))
            self._origins.note(str(packet), args, result)
            return self._trails.mark(result, Trail(use.name, tuple(result.shape), use.added is not None))
        self._missed(func, packet, args)
        result = self._further(func, packet, args, kwargs)
        for name in self._origins.note(str(packet), (args, kwargs), result):
            self._listener.read(name, str(packet))
        return result

    def _use(self, packet: Any, args: tuple[Any, ...]) -> Use | None:
        if packet is _ATEN.convolution and not args[6]:
            entering, weight, bias, stride, padding, dilation, _, _, groups = args
            origin = self._origins.of(weight)
            if origin is None or origin.parameter is None or origin.turned:
                return None
            taps = tuple(weight.shape[2:])
            product = Product(groups, taps, _full(stride, taps), _full(padding, taps), _full(dilation, taps))
            return Use(origin.parameter, product, entering, self._bias(bias), bias)
        if packet is _ATEN.addmm and args[0].shape == args[2].shape[1:]:
            return self._linear(args[1], args[2], args[0])
        return self._linear(args[0], args[1], None) if packet is _ATEN.mm else None

    def _linear(self, entering: Tensor, weight: Tensor, bias: Tensor | None) -> Use | None:
        origin = self._origins.of(weight)
        if origin is None or origin.parameter is None:
            return None
        return Use(origin.parameter, Product(inputs_first=not origin.turned), entering, self._bias(bias), bias)

    def _bias(self, tensor: Tensor | None) -> str | None:
        origin = self._origins.of(tensor)
        return None if origin is None else origin.parameter

    def _missed(self, func: Any, packet: Any, args: tuple[Any, ...]) -> None:
        """Say which parameters an op multiplies with what depends on the inputs, in a way that is not followed."""
        if func.namespace == "aten" and packet not in _CONTRACTIONS:
            return
        if all(self._origins.of(tensor) for tensor in tensors_in(args)):
            return
        transposed = packet is _ATEN.convolution and args[6]
        for place, axis in _CONTRACTIONS.get(packet, tuple((place, None) for place in range(len(args)))):
            origin = self._origins.of(args[place])
            if origin is None:
                continue
            reason = f"read by {packet}, which repair does not follow"
            if transposed:
                reason, axis = "a transposed convolution", 0  # noqa: PLW2901
            elif origin.parameter is None:
                reason = f"not multiplied itself, but what {origin.op} makes of it"
            for name in origin.names:
                self._listener.missed(name, reason, self._origins.axes(name, args[place], axis))

    def _further(self, func: Any, packet: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """An op that may lie on a trail."""
        trail = self._trails.read(args[0]) if args else None
        if packet in _ADDS and len(args) > 1 and isinstance(args[1], Tensor) and not kwargs:
            bias = self._bias(args[1])
            if trail is not None and bias is not None and trail.takes_bias(args[0], args[1]):
                added = args[1]
                step: Step = lambda output: _ATEN.add.Tensor(output, added)  # noqa: E731
                longer = replace(trail, biased=True, bias=bias, steps=(*trail.steps, step))
                result = func(*args)
                self._listener.follow(longer)
                return self._trails.mark(result, longer)
            trails = [trail, self._trails.read(args[1])]
            if any(trails) and args[0].shape == args[1].shape and args[0].dtype == args[1].dtype:
                return self._listener.join(trails, args, func)
        rest = args[1:]  # what a step holds on to must not be the activations
        if trail is not None and packet in _VIEWS:
            step = lambda output: func(output, *rest, **kwargs)  # noqa: E731
            return self._trails.mark(func(*args, **kwargs), replace(trail, steps=(*trail.steps, step)))
        if packet in _NORMS:
            return self._norm(trail, func, args, kwargs)
        if packet not in _METADATA:
            self._told(args)
        return func(*args, **kwargs)

    def _norm(self, trail: Trail | None, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        result, rest = func(*args, **kwargs), args[1:]
        named = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
        mean = self._names.get(id(named.get("running_mean")))
        if mean is not None:
            self._listener.norm(mean)
        if trail is None or trail.norm is not None or mean is None or named.get("training"):
            self._told(args)
            return result
        longer = replace(trail, norm=mean, steps=(*trail.steps, lambda output: func(output, *rest)[0]))
        self._listener.follow(longer)
        self._trails.mark(result[0], longer)
        return result

    def _told(self, args: Any) -> None:
        """Say which trails something else reads."""
        for tensor in tensors_in(args):
            if (trail := self._trails.of(tensor)) is not None:
                self._listener.branch(trail)


@contextmanager
def watched(network: nn.Module, listener: Listener) -> Iterator[None]:
    """Tell a listener about the products of what runs inside.

    In eval mode, in the precision of the weights, without gradients (leaving inference mode would switch them on).
    """
    device = next((tensor.device.type for tensor in network.parameters()), "cpu")
    with torch.autocast(device, enabled=False), evaluating(network), torch.no_grad(), Watch(network, listener):
        yield


def _full(sizes: Sequence[int], like: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sizes) if len(sizes) == len(like) else tuple(sizes) * len(like)
