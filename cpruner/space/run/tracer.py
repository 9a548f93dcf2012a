"""One eager run of the model under a dispatch mode that carries labels along every op (Python control flow and all)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cpruner.space.label import FIXED, Planes, Resolution, Sheet, along, plane_of, resolve, support
from cpruner.space.run.record import Frame, Recorder, values_of


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

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """An argument given by position or by name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)


@dataclass(frozen=True)
class Cost:
    """Work of one matmul-like op: ``flops`` times the number of kept labels of every factor."""

    flops: float
    factors: tuple[Tensor | int, ...]

    @property
    def total(self) -> float:
        """FLOPs with nothing removed."""
        return self.flops * math.prod(f if isinstance(f, int) else f.numel() for f in self.factors)


@dataclass(frozen=True)
class Norm:
    """Statistics across an axis: its labels and, where whole groups of channels go, those of one channel per group."""

    channels: Tensor | None = None
    groups: Tensor | None = None
    axis: int = -1


Rule = Callable[["Tracer", Call], None]

#: Batch norms of all backends.
BATCH_NORMS = (
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_no_update",
    "_batch_norm_with_update",
    "cudnn_batch_norm",
    "miopen_batch_norm",
    "batch_norm",
)
#: Reductions to which a removed channel, being zero, would still contribute.
STATISTICS = ("mean", "var", "std", "var_mean", "amax", "amin", "max", "min")
#: Ops that take statistics; each of their runs has its entry in ``Tracer.norms``.
ACROSS = frozenset(
    (*BATCH_NORMS, *("native_layer_norm", "rms_norm", "_fused_rms_norm", "native_group_norm"), *STATISTICS)
)


class Tracer(TorchDispatchMode):
    """Runs rules on every op and remembers labels of parameters, work, normalisations and what ran where.

    Args:
        model: The network, in eval mode.
        rules: Rule by op name; ops without a rule freeze what they touch, unless they are pointwise.
        pointwise: The rule for ops that torch tags as pointwise.
    """

    def __init__(self, model: nn.Module, rules: Mapping[str, Rule], pointwise: Rule) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sheet = Sheet()
        self.recorder = Recorder(model)
        self.axes: dict[tuple[str, int], Tensor] = {}
        self.producers: list[tuple[str, int]] = []
        self.costs: list[Cost] = []
        self.counted: list[tuple[str, str, Tensor, str]] = []
        self.norms: list[Norm] = []
        self.constants: list[Tensor] = []
        self.silent = 0
        self.random = False
        self._rules, self._pointwise = rules, pointwise
        self._resolution: tuple[tuple[int, int], Resolution] | None = None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in here, and skipping it would load the compiler, which takes seconds."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        shape = tuple(args[0].shape) if args and isinstance(args[0], Tensor) else ()
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.removesuffix("_")
        call = Call(name, func, tuple(args), kwargs or {}, result, shape)
        self.random |= torch.Tag.nondeterministic_seeded in func.tags
        self.settle([call.args, call.kwargs])
        self.recorder.note(func, call.args, call.kwargs, result)
        if self.silent and name in ACROSS:
            self.norms.append(Norm())
        if not self.silent:
            rule = self._rules.get(name)
            if rule is None:
                rule = self._pointwise if torch.Tag.pointwise in func.tags else freeze_operands
            self._apply(rule, call)
        return result

    def _apply(self, rule: Rule, call: Call) -> None:
        """A form of an op that its rule does not know freezes what it touches, and never stops the trace."""
        norms, costs = len(self.norms), len(self.costs)
        try:
            rule(self, call)
        except (IndexError, KeyError, RuntimeError, StopIteration, TypeError, ValueError) as error:
            del self.costs[costs:]
            freeze_operands(self, call, f"op '{call.name}' is used in a form without a rule ({error})")
        if call.name in ACROSS and len(self.norms) == norms:
            self.norms.append(Norm())

    def settle(self, read: Any) -> None:
        """What was only doubtful is certain once a tensor is read."""
        for value in values_of(self.recorder.encode(read)):
            for labels, reason in value.doubts:
                self.sheet.freeze(labels, reason)
            value.doubts.clear()

    def planes(self, tensor: Tensor) -> Planes:
        """Planes of a tensor; a parameter or buffer gets fresh labels along every axis when first met."""
        value = self.recorder.value(tensor)
        if value.planes is None:
            value.planes = self._register(value.names[0], tensor) if value.names else ()
        return value.planes

    def _register(self, name: str, tensor: Tensor) -> Planes:
        planes = []
        for axis, size in enumerate(tensor.shape):
            if size > 1:
                self.axes[name, axis] = self.sheet.fresh(size)
                planes.append(along(self.axes[name, axis], axis, tensor.ndim))
        return tuple(planes)

    def assign(self, tensor: Tensor, planes: Planes) -> None:
        """Set the planes of a result.

        A plane of which nothing can go says nothing and is dropped; one that varies nowhere speaks of a single channel,
        which has to stay. Planes that vary along one and the same axis become one, whose elements stay when they stay
        in every plane: heads and dimensions inside the head, laid side by side.
        """
        for plane in planes:
            if plane.numel() == 1:
                self.sheet.freeze(plane, "a single channel is used by itself")
        told = [self.sheet.living(plane) for plane in planes if plane.numel() > 1]
        told = [plane for plane in told if bool((plane != FIXED).any())]
        merged: list[list[Tensor]] = []
        for plane in told:
            sharing = [other for other in merged if any(support(part) & support(plane) for part in other)]
            merged = [other for other in merged if all(other is not found for found in sharing)]
            merged.append([*(part for other in sharing for part in other), plane])
        joint = (self.sheet.conjoin(tuple(parts)) if len(parts) > 1 else parts[0] for parts in merged)
        self.recorder.value(tensor).planes = tuple(joint)

    def labels(self, tensor: Tensor, axis: int) -> Tensor | None:
        """Labels along one axis, or None when the axis has a fixed size. Entangled planes are taken apart."""
        self.separate(tensor, {axis % tensor.ndim})
        return plane_of(self.planes(tensor), axis % tensor.ndim)

    def separate(self, tensor: Tensor, axes: set[int]) -> Planes:
        """Take apart the planes that vary along one of ``axes`` and along another axis as well."""
        planes: list[Tensor] = []
        for plane in self.planes(tensor):
            entangled = len(support(plane)) > 1 and support(plane) & axes
            planes += self.sheet.separate(plane) if entangled else (plane,)
        self.recorder.value(tensor).planes = tuple(planes)
        return tuple(planes)

    def tie(self, left: Tensor | None, right: Tensor | None, reason: str) -> None:
        """Tie two label vectors; None is an axis of fixed size."""
        if left is not None and right is not None:
            self.sheet.unite(left, right, reason)
        elif left is not None or right is not None:
            self.sheet.freeze(left if left is not None else right, reason)  # type: ignore[arg-type]

    def component(self, labels: Tensor) -> set[int]:
        """Components of some labels, with all that they follow from."""
        known = self.sheet.count, len(self.sheet.edges)
        if self._resolution is None or self._resolution[0] != known:
            self._resolution = known, resolve(self.sheet)
        return self._resolution[1].of(labels)

    def bake(self, labels: Tensor, reason: str) -> None:
        """The forward of the innermost module states a size of these labels in Python code."""
        frame = self.recorder.stack[-1]
        if not self._counts_anew(frame):
            frame.baked.append((labels, reason))

    def _counts_anew(self, frame: Frame) -> bool:
        """Torch's recurrent layers split their gates by number; with projections two sizes must differ as well."""
        projected = self.recorder.owns(f"{frame.path}.weight_hr_l0".lstrip("."))
        return issubclass(frame.kind, (nn.RNNBase, nn.RNNCellBase)) and not projected

    def name_of(self, tensor: Tensor) -> str | None:
        """First name of a parameter or buffer, None for any other tensor."""
        return next(iter(self.recorder.value(tensor).names), None)

    def met(self, tensor: Tensor) -> bool:
        """Whether an op has read a parameter."""
        return self.recorder.value(tensor).planes is not None

    def produce(self, tensor: Tensor, axis: int) -> None:
        """Note that a parameter's axis creates channels (it names the group)."""
        name = self.name_of(tensor)
        if name is not None:
            self.producers.append((name, axis))


def freeze_operands(tracer: Tracer, call: Call, reason: str = "") -> None:
    """The rule of last resort: an unknown op freezes whatever it reads; its work, if torch counts it, is constant."""
    reason = reason or f"op '{call.name}' has no rule"
    counter = flop_registry.get(call.function.overloadpacket)
    if counter is not None:
        tracer.costs.append(Cost(float(counter(*call.args, **call.kwargs, out_val=call.result)), ()))
    flat = [leaf for value in call.args for leaf in (value if isinstance(value, list | tuple) else [value])]
    for tensor in [*flat, *call.kwargs.values()]:
        if isinstance(tensor, Tensor):
            for plane in tracer.planes(tensor):
                tracer.sheet.freeze(plane, reason)
