"""One eager run of the model under a dispatch mode that carries labels along every op (Python control flow and all)."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakTensorKeyDictionary

from cpruner.space.sheet import Planes, Sheet, along, plane_of, support


@dataclass(frozen=True)
class Call:
    """One executed op: its name without the in-place underscore, arguments, result, first operand's shape before."""

    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    shape: tuple[int, ...] = ()

    @property
    def tensors(self) -> list[Tensor]:
        """Tensor operands, in order."""
        return [value for value in (*self.args, *self.kwargs.values()) if isinstance(value, Tensor)]


@dataclass
class Frame:
    """A module being executed, and what happened in it so far."""

    path: str
    pure: bool
    baked: list[tuple[Tensor, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Relabel:
    """A parameter-free module whose Python code has sizes baked in: labels of its input and output channels."""

    module: str
    axis: int
    input_labels: Tensor
    output_labels: Tensor


@dataclass(frozen=True)
class Cost:
    """Work of one matmul-like op: ``flops`` times the number of kept labels of every factor."""

    flops: float
    factors: tuple[Tensor | int, ...]


Rule = Callable[["Tracer", Call], None]


class Tracer(TorchDispatchMode):
    """Runs rules on every op and remembers labels of parameters, work and replaceable modules.

    Args:
        model: The network, in eval mode.
        rules: Rule by op name; ops without a rule freeze what they touch, unless they are pointwise.
        pointwise: The rule for ops that torch tags as pointwise.
    """

    def __init__(self, model: nn.Module, rules: Mapping[str, Rule], pointwise: Rule) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sheet = Sheet()
        self.axes: dict[tuple[str, int], Tensor] = {}
        self.producers: list[tuple[str, int]] = []
        self.costs: list[Cost] = []
        self.group_sizes: list[tuple[str, str, Tensor]] = []
        self.relabels: list[Relabel] = []
        self.stack: list[Frame] = [Frame("", pure=False)]
        self._model, self._rules, self._pointwise = model, rules, pointwise
        self._known = WeakTensorKeyDictionary()
        self._names = {id(tensor): name for name, tensor in (*model.named_buffers(), *model.named_parameters())}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        shape = tuple(args[0].shape) if args and isinstance(args[0], Tensor) else ()
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.removesuffix("_")
        call = Call(name, func, tuple(args), kwargs or {}, result, shape)
        rule = self._rules.get(name)
        if rule is None:
            rule = self._pointwise if torch.Tag.pointwise in func.tags else freeze_operands
        rule(self, call)
        return result

    def planes(self, tensor: Tensor) -> Planes:
        """Planes of a tensor; a parameter or buffer gets fresh labels along every axis when first met."""
        if tensor not in self._known:
            name = self._names.get(id(tensor))
            self._known[tensor] = () if name is None else self._register(name, tensor)
        planes: Planes = self._known[tensor]
        return planes

    def _register(self, name: str, tensor: Tensor) -> Planes:
        planes = []
        for axis, size in enumerate(tensor.shape):
            if size > 1:
                self.axes[name, axis] = self.sheet.fresh(size)
                planes.append(along(self.axes[name, axis], axis, tensor.ndim))
        return tuple(planes)

    def assign(self, tensor: Tensor, planes: Planes) -> None:
        """Set the planes of a result.

        A plane that varies nowhere says nothing and is dropped; planes that vary along one and the same axis could only
        be cut together, so they are frozen.
        """
        told = [plane for plane in planes if plane.numel() > 1]
        axes = Counter(axis for plane in told for axis in support(plane))
        merged = [plane for plane in told if any(axes[axis] > 1 for axis in support(plane))]
        for plane in merged:
            self.sheet.freeze(plane, "two groups of channels share an axis")
        self._known[tensor] = tuple(plane for plane in told if all(axes[axis] == 1 for axis in support(plane)))

    def labels(self, tensor: Tensor, axis: int) -> Tensor | None:
        """Labels along one axis, or None when the axis has a fixed size. Entangled planes are frozen."""
        axis %= tensor.ndim
        planes = self.planes(tensor)
        labels = plane_of(planes, axis)
        if labels is None:
            for plane in planes:
                if plane.shape[axis] > 1:
                    self.sheet.freeze(plane, "labels vary along two axes at once")
        return labels

    def tie(self, left: Tensor | None, right: Tensor | None, reason: str) -> None:
        """Tie two label vectors; None is an axis of fixed size."""
        if left is not None and right is not None:
            self.sheet.unite(left, right, reason)
        elif left is not None or right is not None:
            self.sheet.freeze(left if left is not None else right, reason)  # type: ignore[arg-type]

    def bake(self, labels: Tensor, reason: str) -> None:
        """The forward of the innermost module states a size of these labels in Python code."""
        self.stack[-1].baked.append((labels, f"{reason} in the forward of '{self.stack[-1].path or 'the model'}'"))

    def name_of(self, tensor: Tensor) -> str | None:
        """Name of a parameter or buffer, None for any other tensor."""
        return self._names.get(id(tensor))

    def produce(self, tensor: Tensor, axis: int) -> None:
        """Note that a parameter's axis creates channels (it names the group)."""
        name = self.name_of(tensor)
        if name is not None:
            self.producers.append((name, axis))


def freeze_operands(tracer: Tracer, call: Call) -> None:
    """The rule of last resort: an unknown op freezes whatever it reads; its work, if torch counts it, is constant."""
    counter = flop_registry.get(call.function.overloadpacket)
    if counter is not None:
        tracer.costs.append(Cost(float(counter(*call.args, **call.kwargs, out_val=call.result)), ()))
    flat = [leaf for value in call.args for leaf in (value if isinstance(value, list | tuple) else [value])]
    for tensor in [*flat, *call.kwargs.values()]:
        if isinstance(tensor, Tensor):
            for plane in tracer.planes(tensor):
                tracer.sheet.freeze(plane, f"op '{call.name}' has no rule")
