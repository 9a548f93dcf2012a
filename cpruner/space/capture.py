"""A recorded and labelled run of a model, from which spaces are assembled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cpruner.errors import TraceError
from cpruner.space.assemble import assemble
from cpruner.space.loose import keep_loose
from cpruner.space.program import Programs
from cpruner.space.rounding import Rounding
from cpruner.space.rule import RULES, pointwise
from cpruner.space.run import (
    Cost,
    Entry,
    Frame,
    ModuleRule,
    Recorder,
    RuleRunner,
    Tracer,
    follow,
    follow_training,
    fresh,
    run,
    tensors_of,
    untouched,
    values_of,
)
from cpruner.space.select import select
from cpruner.space.selection import Selection
from cpruner.space.space import PruningSpace


@dataclass(frozen=True)
class Request:
    """What the user asks for: legal widths, what to prune and keep, rules for modules that hide what they do."""

    rounding: Rounding = Rounding()
    selection: Selection = Selection()
    rules: tuple[ModuleRule, ...] = ()


class Capture:
    """Runs the model under a tracer; a second run with twice the batch tells which sizes follow the batch.

    Args:
        model: The network, in eval mode.
        inputs: Positional inputs.
        request: What the user asks for.

    Raises:
        TraceError: The model does not run on the inputs.
    """

    def __init__(self, model: nn.Module, inputs: tuple[Any, ...], request: Request) -> None:
        self.model, self.inputs = model, inputs
        self._request = request
        self._tracer = _traced(model, inputs, request)
        self.larger: tuple[Any, ...] | None = None
        self._twin: Frame | None = None
        self._tried = False

    @property
    def random(self) -> bool:
        """Whether the run drew random numbers."""
        return self._tracer.random

    def space(self, rewritten: Mapping[str, str]) -> tuple[PruningSpace, Programs]:
        """The space, with programs also for the modules ``rewritten`` (for the given reasons)."""
        wanted = dict(rewritten)
        found = assemble(self._tracer, self.model, self._twin, self._request.rounding, wanted)
        if not self._tried and (found[1].written or found[1].failed):
            self._enlarge()
            found = assemble(self._tracer, self.model, self._twin, self._request.rounding, wanted)
        return found

    def _enlarge(self) -> None:
        """Run on more copies of the batch, if the model takes them.

        A batch of one hides which axis is the batch (and takes other ways through torch's code), so then the labels
        are taken from a run on two, with the work of each op as counted on one.
        """
        self._tried = True
        single = any(isinstance(x, Tensor) and x.ndim and x.shape[0] == 1 for x in self.inputs)
        recorder = Recorder(self.model)
        try:
            larger = _copies(self.inputs, 3 if single else 2)
            with untouched(self.model), follow(recorder, self.model), _Listening(recorder):
                run(self.model, larger)
            tracer = _traced(self.model, _copies(self.inputs, 2), self._request) if single else self._tracer
        except TraceError:
            return
        if len(tracer.costs) == len(self._tracer.costs):
            tracer.costs = [_rescaled(cost, old) for cost, old in zip(tracer.costs, self._tracer.costs, strict=True)]
            self.larger, self._twin, self._tracer = larger, recorder.root, tracer

    def check_repeatable(self) -> None:
        """Refuse a model that gives two results for the same inputs: nothing can be compared with it.

        Raises:
            TraceError: Its outputs differ from one run to the next.
        """
        one, other = (tensors_of(run(self.model, fresh(self.inputs))) for _ in range(2))
        if any(not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, other, strict=True)):
            raise TraceError(
                "model: expected the same output for the same input in eval mode, got two different ones. "
                "Fix its random numbers (a seeded generator, or none in eval mode)."
            )

    def touching(self, space: PruningSpace, groups: Iterable[int]) -> set[str]:
        """Modules whose own code handles something of the given groups; torch's own layers are trusted."""
        axes = {member for group in groups for member in space.groups[group].members}
        labels = [v for (tensor, axis), v in self._tracer.axes.items() if f"{tensor}[{axis}]" in axes]
        wanted = self._tracer.component(torch.cat(labels)) if labels else set()
        return {
            frame.path
            for frame in self._tracer.recorder.frames
            if not frame.kind.__module__.startswith("torch.nn") or frame.path == ""
            if any(isinstance(entry, Entry) and self._handles(entry, wanted) for entry in frame.entries)
        }

    def _handles(self, entry: Entry, wanted: set[int]) -> bool:
        planes = [plane for value in values_of((entry.args, entry.out)) for plane in value.planes or ()]
        return any(self._tracer.component(plane) & wanted for plane in planes)


def _traced(model: nn.Module, inputs: tuple[Any, ...], request: Request) -> Tracer:
    tracer, given = Tracer(model, RULES, pointwise), fresh(inputs)
    with untouched(model), follow(tracer.recorder, model, RuleRunner(tracer, request.rules)), tracer:
        output = run(model, given)
    for tensor in tensors_of(output):
        tracer.settle([tensor])
        for plane in tracer.planes(tensor):
            tracer.sheet.freeze(plane, "output of the network")
    follow_training(tracer, model, _copies(inputs, 2), request.rules)
    keep_loose(tracer)
    select(tracer, model, request.selection)
    return tracer


def _copies(inputs: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    return tuple(torch.cat([x] * count) if isinstance(x, Tensor) and x.ndim else x for x in inputs)


def _rescaled(cost: Cost, old: Cost) -> Cost:
    """The factors of one count with the total of another."""
    return replace(cost, flops=cost.flops * old.total / cost.total)


class _Listening(TorchDispatchMode):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._recorder = recorder

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in here, and skipping it would load the compiler, which takes seconds."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._recorder.note(func, tuple(args), kwargs or {}, result)
        return result
