from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn
from torch.nn.modules import module as internals

from cpruner.space import trace
from cpruner.space.run.frames import follow
from cpruner.space.run.record import Frame, Recorder

X = torch.zeros(2, 3)


def paths(frame: Frame) -> list[Any]:
    """Nested lists of paths."""
    return [frame.path, *(paths(inner) for inner in frame.entries if isinstance(inner, Frame))]


def global_hooks() -> int:
    return len(internals._global_forward_hooks) + len(internals._global_forward_pre_hooks)


def test_frames_mirror_the_calls() -> None:
    inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model = nn.Sequential(inner, nn.Identity(), inner)
    recorder = Recorder(model)
    with follow(recorder, model):
        model(X)
    one = ["0", ["0.0"], ["0.1"]]
    assert paths(recorder.root) == ["", one, ["1"], one]
    assert recorder.stack == [recorder.root]
    assert [frame.kind for frame in recorder.frames] == [
        *(nn.Sequential, nn.Sequential, nn.Linear, nn.ReLU, nn.Identity, nn.Sequential, nn.Linear, nn.ReLU)
    ]


def test_frames_hold_arguments_and_results() -> None:
    class Named(nn.Module):
        def forward(self, x: Tensor, *, scale: float) -> dict[str, Tensor]:
            return {"y": x * scale}

    model = Function(lambda s, x: s.inner(x, scale=2.0)["y"], inner=Named())
    recorder = Recorder(model)
    with follow(recorder, model):
        y = model(X)
    (inner,) = recorder.root.entries
    assert isinstance(inner, Frame)
    assert (inner.args, inner.kwargs, inner.out) == ((recorder.value(X),), {"scale": 2.0}, {"y": recorder.value(y)})
    assert (recorder.root.args, recorder.root.kwargs, recorder.root.out) == (
        (recorder.value(X),),
        {},
        recorder.value(y),
    )


def test_a_module_with_two_names_goes_by_the_first() -> None:
    move = nn.ReLU()
    model = Function(lambda s, x: s.again(x), first=move, again=move)
    recorder = Recorder(model)
    with follow(recorder, model):
        model(X)
    assert paths(recorder.root) == ["", ["first"]]


def test_modules_outside_the_model_have_no_frame() -> None:
    outside = nn.Sequential(nn.ReLU())
    model = Function(lambda s, x: s.inside(outside(x)), inside=nn.ReLU())
    recorder = Recorder(model)
    with follow(recorder, model):
        model(X)
        outside(X)
    assert paths(recorder.root) == ["", ["inside"]]


def test_watchers_are_told_while_the_frame_is_open() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    recorder, told = Recorder(model), list[Any]()

    class Watcher:
        def enter(self, module: nn.Module) -> None:
            told.append(("enter", type(module).__name__, recorder.stack[-1].path))

        def leave(self, path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            told.append(("leave", path, recorder.stack[-1].path, len(inputs), tuple(output.shape)))

    with follow(recorder, model, Watcher()):
        model(X)
    assert told == [
        ("enter", "Linear", "0"),
        ("leave", "0", "0", 1, (2, 4)),
        ("enter", "ReLU", "1"),
        ("leave", "1", "1", 1, (2, 4)),
    ]


def test_the_hooks_of_others_run_and_no_global_hook_stays() -> None:
    model, before = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), global_hooks()
    seen: list[str] = []
    model[0].register_forward_hook(lambda *_: seen.append("forward"))
    model[1].register_forward_pre_hook(lambda *_: seen.append("before"))
    recorder = Recorder(model)
    with follow(recorder, model):
        assert global_hooks() == before + 2
        model(X)
    assert seen == ["forward", "before"]
    assert global_hooks() == before


def test_no_global_hook_stays_after_an_error() -> None:
    model, before = nn.Sequential(nn.Linear(5, 4)), global_hooks()
    with pytest.raises(RuntimeError), follow(Recorder(model), model):
        model(X)
    assert global_hooks() == before


def test_a_hook_that_changes_the_result_is_part_of_the_module_around_it() -> None:
    """The result that the next module reads is the one of the hook, and the trace sees it."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    model[0].register_forward_hook(lambda _module, _args, y: y * 2)
    space = trace(model, X.double())
    assert [(group.name, group.size) for group in space.groups] == [("0", 4)]


def test_sizes_are_blamed_on_the_module_that_states_them_not_on_those_around() -> None:
    inner = Function(lambda s, x: x[:, :2] * s.n.item(), n=torch.ones(()))
    space = trace(nn.Sequential(nn.Linear(3, 4), nn.Sequential(inner), nn.Linear(2, 2)).double(), X.double())
    (reason,) = {entry.reason for entry in space.frozen if entry.tensor == "0.weight" and entry.axis == 0}
    assert reason.startswith("'slice' states a size of this axis in the forward of '1.0', which cannot be rewritten")
