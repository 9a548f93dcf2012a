"""Rules of the user's own for modules that a trace cannot see into.

class MyRule:
kind = MyLayer

def __call__(self, call: ModuleCall) -> None:
call.tie((call.inputs[0], 1), (call.module.weight, 1))
call.makes((call.output, 1), (call.module.weight, 0))

cpruner.trace(model, inputs, rules=[MyRule()])
"""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from cpruner.space.label import along, support
from cpruner.space.run.tracer import Cost, Tracer

#: One axis of one tensor.
Axis = tuple[Tensor, int]


class ModuleCall:
    """One run of a module, as its rule sees it.

    Args:
        tracer: The trace.
        path: Path of the module.
        module: The module.
        inputs: Positional arguments.
        output: What it returned.
    """

    def __init__(self, tracer: Tracer, path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._tracer, self._path = tracer, path
        self.module, self.inputs, self.output = module, inputs, output

    def tie(self, left: Axis, right: Axis) -> None:
        """Two axes lose the same indices."""
        one, other = self._tracer.labels(*left), self._tracer.labels(*right)
        self._tracer.tie(one, other, f"read by '{self._path}' together with an axis of fixed size")

    def makes(self, result: Axis, parameter: Axis) -> None:
        """An axis of the result loses the indices that an axis of a parameter loses."""
        (tensor, axis), labels = result, self._tracer.labels(*parameter)
        if labels is not None:
            others = [p for p in self._tracer.planes(tensor) if axis % tensor.ndim not in support(p)]
            self._tracer.assign(tensor, (*others, along(labels, axis % tensor.ndim, tensor.ndim)))
            self._tracer.produce(*parameter)

    def passes(self, source: Tensor, result: Tensor) -> None:
        """The result has the axes of a tensor and loses what that loses."""
        self._tracer.assign(result, self._tracer.planes(source))

    def counts(self, attribute: str, axis: Axis) -> None:
        """An integer attribute of the module holds the length of an axis."""
        labels = self._tracer.labels(*axis)
        if labels is not None:
            self._tracer.counted.append((self._path, attribute, labels, "int"))

    def flops(self, scale: float, *axes: Axis) -> None:
        """The module does ``scale`` FLOPs times the lengths of some axes."""
        found = [self._tracer.labels(*axis) for axis in axes]
        lengths = [t.shape[a] if labels is None else labels for (t, a), labels in zip(axes, found, strict=True)]
        self._tracer.costs.append(Cost(scale, tuple(lengths)))


class ModuleRule(Protocol):
    """How labels pass through modules of one class."""

    @property
    def kind(self) -> type[nn.Module]:
        """The class of the modules."""

    def __call__(self, call: ModuleCall) -> None:
        """Say what is tied to what."""


class RuleRunner:
    """Keeps the tracer from looking inside modules that have a rule, and applies the rule when they end.

    Args:
        tracer: The trace.
        rules: Rules by class; the first that fits is taken.
    """

    def __init__(self, tracer: Tracer, rules: Sequence[ModuleRule]) -> None:
        self._tracer, self._rules = tracer, rules

    def enter(self, module: nn.Module) -> None:
        """A module of the model starts."""
        if self._rule(module) is not None:
            self._tracer.recorder.stack[-1].opaque = True
            self._tracer.silent += 1

    def leave(self, path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """A module of the model ends; its frame is still open."""
        rule = self._rule(module)
        if rule is not None:
            self._tracer.silent -= 1
            if not self._tracer.silent:
                rule(ModuleCall(self._tracer, path, module, inputs, output))

    def _rule(self, module: nn.Module) -> ModuleRule | None:
        return next((rule for rule in self._rules if isinstance(module, rule.kind)), None)
