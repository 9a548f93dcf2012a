from typing import Any

import pytest
import torch
from function import Function
from stating import ShuffleBlock, around, images, seeded, tokens, twice
from thorough import thorough
from torch import Tensor, nn

from cpruner.space import PruningSpace, trace
from cpruner.space.assemble import assemble
from cpruner.space.capture import Capture, Request
from cpruner.space.label.partition import partition
from cpruner.space.label.sheet import Sheet, along
from cpruner.space.label.table import Table
from cpruner.space.program.layout import Layout
from cpruner.space.program.programs import Programs, programs
from cpruner.space.run.record import Entry, Frame, Value


def half(h: Tensor) -> Tensor:
    return h[..., :3]


def written(space: PruningSpace) -> list[str]:
    return [program.module for program in space.plan.programs]


def nested(inner: nn.Module) -> nn.Module:
    """A module three levels deep."""
    return seeded(
        lambda: nn.Sequential(nn.Linear(5, 6), nn.Sequential(nn.Sequential(inner), nn.ReLU()), nn.Linear(3, 2))
    )


def test_the_smallest_module_gets_the_program() -> None:
    space = thorough(nested(Function(lambda s, x: half(x))), tokens())
    assert written(space) == ["1.0.0"]
    assert [(entry.module, entry.reason) for entry in space.rewritten] == [
        ("1.0.0", "'slice' states a size of this axis")
    ]


def test_only_modules_that_state_a_size_of_something_that_can_go() -> None:
    """The input is of fixed size, and so is the output."""
    fixed = Function(lambda s, x: s.b(x[..., :3]), b=nn.Linear(3, 2))
    assert written(thorough(seeded(lambda: nn.Sequential(fixed, nn.Linear(2, 3))), tokens())) == []
    swap = Function(lambda s, x: torch.cat(s.a(x).chunk(2, -1)[::-1], -1), a=nn.Linear(5, 6))
    assert written(thorough(seeded(lambda: swap), tokens())) == []


def test_a_module_that_runs_twice_in_the_same_way_has_one_program() -> None:
    """Twice on the same channels: the shuffle of the shuffle."""
    model = seeded(lambda: around(nn.Sequential(shuffle := Function(_shuffle), nn.ReLU(), shuffle)))
    space = thorough(model, images())
    assert [(group.name, group.size) for group in space.groups] == [("0", 8)]
    assert written(space) in (["1.0"], ["1"])


def _shuffle(_: Any, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def test_a_module_that_runs_with_other_shapes_is_written_out_in_the_one_around_it() -> None:
    space = thorough(seeded(twice), images())
    assert [(group.name, group.size) for group in space.groups] == [("a", 8), ("b", 6)]
    assert written(space) == [""]
    assert "'move' inside it cannot be rewritten alone: it runs more than once, each time differently" in str(space)


def test_a_module_that_also_moves_a_tensor_of_fixed_size() -> None:
    """It runs on the input image as well, where nothing goes: written out in the model, twice."""
    pad = Function(lambda s, x: torch.nn.functional.pad(x, (0, 0, 0, 0, 2, 3)))
    parts = {"a": nn.Conv2d(3, 4, 1), "pad": pad, "b": nn.Conv2d(8, 9, 1), "fc": nn.Linear(9, 2)}
    model = seeded(lambda: Function(lambda s, x: s.fc((s.pad(s.a(x)) + s.b(s.pad(x))).mean((2, 3))), **parts))
    space = thorough(model, images())
    assert written(space) == [""]
    assert [group.size for group in space.groups] == [4, 5]


def test_two_names_of_one_module_are_one_module() -> None:
    move = Function(_shuffle)
    parts = {"a": nn.Conv2d(3, 8, 1), "move": move, "b": nn.Conv2d(8, 6, 1), "again": move, "fc": nn.Linear(6, 2)}
    model = seeded(lambda: Function(lambda s, x: s.fc(s.b(s.again(s.a(x))).mean((2, 3))), **parts))
    space = thorough(model, images())
    assert [group.name for group in space.groups] == ["a", "b"]
    assert written(space) == ["move"]


def test_what_is_refused_everywhere_is_blamed_on_every_module_that_states_it() -> None:
    inner = Function(lambda s, x: half(x) * s.n.item(), n=torch.tensor(2.0))
    space = thorough(nested(inner), tokens())
    assert space.groups == ()
    reasons = {entry.tensor: entry.reason for entry in space.frozen if entry.axis == 0}
    because = "which cannot be rewritten: op '_local_scalar_dense' depends on the numbers it reads"
    assert reasons["0.weight"] == f"'slice' states a size of this axis in the forward of '1.0.0', {because}"


def test_a_refusal_in_one_place_leaves_the_others() -> None:
    bad, good = Function(lambda s, x: half(x) * s.n.item(), n=torch.tensor(2.0)), Function(lambda s, x: half(x))
    model = seeded(lambda: nn.Sequential(nn.Linear(5, 6), good, nn.Linear(3, 6), bad, nn.Linear(3, 2)))
    space = thorough(model, tokens())
    assert written(space) == ["1"]
    assert [group.name for group in space.groups] == ["0#1", "0#2"]


def test_a_module_is_rewritten_on_request() -> None:
    """Nothing in it states a size, but the proof may have found out that it does (``x.shape[1]`` in a product)."""
    model, x = (
        seeded(lambda: nn.Sequential(nn.Linear(5, 6), Function(lambda s, x: x.relu()), nn.Linear(6, 2))),
        tokens(),
    )
    with torch.no_grad():
        capture = Capture(model, (x,), Request())
        space, found = capture.space({"1": "because"})
    assert isinstance(found, Programs)
    assert list(found.written) == ["1"]
    assert found.reasons == {"1": "because"}
    assert [(entry.module, entry.reason) for entry in space.rewritten] == [("1", "because")]


def test_what_only_a_proof_can_see_gets_a_program() -> None:
    """The width itself is a number in the result."""
    inner = Function(lambda s, x: s.b(x * x.shape[-1]), b=nn.Linear(6, 4))
    space = thorough(seeded(lambda: nn.Sequential(nn.Linear(5, 6), inner, nn.Linear(4, 2))), tokens())
    assert [group.size for group in space.groups] == [6, 4]
    assert written(space) == ["1"]
    assert "computes something else" in space.rewritten[0].reason


def hand_made() -> tuple[Frame, Layout, Sheet, torch.Tensor]:
    """A model whose module 'm' was handed a tensor of three channels and states their number."""
    sheet = Sheet()
    labels = sheet.fresh(3)
    inside = Value((2, 3), planes=(along(labels, 1, 2),))
    module = Frame("m", nn.Identity, args=(inside,), kwargs={}, out=inside, baked=[(along(labels, 1, 2), "why")])
    root = Frame("", nn.Sequential, args=(inside,), kwargs={}, out=inside, entries=[module])
    return root, Layout(partition(sheet, {("a", 0): labels}, {})), sheet, labels


def test_by_hand() -> None:
    root, layout, _, _ = hand_made()
    table = Table()
    found = programs(root, None, layout, table, {})
    assert list(found.written) == ["m"]
    assert (found.reasons, found.failed, found.refused) == ({"m": "why"}, {}, [])
    assert (found.written["m"].nodes, found.written["m"].out, found.written["m"].batch) == ((), ("v", 0), None)


def test_by_hand_refused_up_to_the_model() -> None:
    root, layout, _, labels = hand_made()
    (module,) = root.entries
    assert isinstance(module, Frame)
    source = module.args[0]
    scalar = torch.ops.aten._local_scalar_dense.default
    module.entries.append(Entry("aten._local_scalar_dense.default", scalar, (source,), {}, 1.0))
    found = programs(root, None, layout, Table(), {})
    reason = "op '_local_scalar_dense' depends on the numbers it reads"
    assert found.written == {}
    assert found.failed == {"m": reason, "": reason}
    assert found.reasons[""] == f"'m' inside it cannot be rewritten alone: {reason}"
    ((refused, said),) = found.refused
    assert refused.flatten().tolist() == labels.tolist()
    assert said == f"why in the forward of 'm', which cannot be rewritten: {reason}"


def test_a_twin_with_other_entries_is_refused() -> None:
    root, layout, _, _ = hand_made()
    twin = Frame("", nn.Sequential, args=root.args, kwargs={}, out=root.out)
    found = programs(root, twin, layout, Table(), {"": "asked for"})
    assert found.failed == {"": "what it does depends on the batch size"}
    assert list(found.written) == ["m"]


@pytest.mark.parametrize("frozen", [False, True])
def test_nothing_is_rewritten_for_what_cannot_go(frozen: bool) -> None:
    root, _, sheet, labels = hand_made()
    if frozen:
        sheet.freeze(labels, "why")
    layout = Layout(partition(sheet, {("a", 0): labels}, {}))
    assert bool(programs(root, None, layout, Table(), {}).written) is not frozen


def test_assembling_ends_when_everything_refused_is_frozen() -> None:
    model = seeded(
        lambda: around(nn.Sequential(ShuffleBlock(), Function(lambda s, x: x[:, :8] * s.n.item(), n=torch.ones(()))))
    )
    with torch.no_grad():
        capture = Capture(model, (images(),), Request())
        tracer = capture._tracer
        space, found = assemble(tracer, model, None, Request().rounding, {})
    assert found.refused == []
    assert all(entry.reason for entry in space.frozen)
    assert trace(model, images()).groups == space.groups
