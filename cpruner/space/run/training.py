"""Parts of a network that only run in training mode (auxiliary classifiers): a second run tells what they read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from cpruner.candidate import named_tensors
from cpruner.errors import TraceError
from cpruner.space.run.frames import follow
from cpruner.space.run.module_rule import ModuleRule, RuleRunner
from cpruner.space.run.record import Recorder
from cpruner.space.run.run import run, untouched
from cpruner.space.run.tracer import Tracer
from cpruner.space.run.values import fresh, tensors_of

_OUTPUT = "output of the network in training mode"


def follow_training(tracer: Tracer, model: nn.Module, inputs: tuple[Any, ...], rules: Sequence[ModuleRule]) -> None:
    """Tie what parts that have not run yet read in training mode; without such parts, nothing is done.

    Everything else stays as the run in eval mode left it: work, statistics and what ran where. A network that does not
    run in training mode keeps what was found.

    Args:
        tracer: After the run in eval mode.
        model: The network, in eval mode.
        inputs: Inputs with at least two examples, which batch norm wants.
        rules: The user's rules for modules.
    """
    if all(tracer.met(parameter) for parameter in model.parameters()):
        return
    with _apart(tracer, model) as recorder, untouched(model):
        model.train()
        with follow(recorder, model, RuleRunner(tracer, rules)), _Undropped(), tracer:
            try:
                output = run(model, fresh(inputs))
            except TraceError:
                return
        for tensor in tensors_of(output):
            for plane in tracer.planes(tensor):
                tracer.sheet.freeze(plane, _OUTPUT)


@contextmanager
def _apart(tracer: Tracer, model: nn.Module) -> Iterator[Recorder]:
    """A recorder of its own inside; labels are shared."""
    known, recorder = tracer.recorder, Recorder(model)
    costs, norms, random = len(tracer.costs), len(tracer.norms), tracer.random
    tensors = [tensor for _, tensor in named_tensors(model)]
    _hand_over(known, recorder, tensors)
    tracer.recorder = recorder
    try:
        yield recorder
    finally:
        tracer.recorder = known
        _hand_over(recorder, known, tensors)
        del tracer.costs[costs:], tracer.norms[norms:]
        tracer.random = random
        _freeze_baked(tracer, recorder)


def _hand_over(giver: Recorder, taker: Recorder, tensors: Sequence[Tensor]) -> None:
    for tensor in tensors:
        taker.value(tensor).planes = giver.value(tensor).planes


def _freeze_baked(tracer: Tracer, recorder: Recorder) -> None:
    """No program holds what is done in training mode only; what also runs in eval mode gets its program there."""
    rewritten = {frame.path for frame in tracer.recorder.frames if frame.baked}
    for frame in recorder.frames:
        for labels, reason in frame.baked if frame.path not in rewritten else ():
            tracer.sheet.freeze(labels, f"{reason} in training mode")


class _Undropped(TorchFunctionMode):
    """Dropout lets everything through: its random mask is no tensor of fixed size."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in _DROPOUTS:
            return args[0] if args else (kwargs or {})["input"]
        return function(*args, **(kwargs or {}))


_DROPOUTS = frozenset(
    (
        functional.dropout,
        functional.dropout1d,
        functional.dropout2d,
        functional.dropout3d,
        functional.alpha_dropout,
        functional.feature_alpha_dropout,
    )
)
