import copy
import inspect
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from function import Function
from hypothesis import given
from hypothesis import strategies as st
from invariants import check
from programs import ADD, CHANNELS, PICK, SLICE, candidate, installed, program
from torch import Tensor, fx, nn
from torch.nn import functional

from cpruner.candidate import Candidate, Labels, Node, Pick, Plan, Program, materialise
from cpruner.candidate.replay import FUNCTIONS, install, pick
from cpruner.errors import ArtefactError, InputError
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize(
    ("what", "kept", "expected"),
    [
        (PICK, (0, 1, 2, 3, 4, 5), [1, 3, 5, 0]),
        (PICK, (0, 3, 4), [3, 0]),
        (PICK, (1, 2, 5), [1, 5]),
        (PICK, (2, 4), []),
        (SLICE, (0, 1, 2, 3, 4, 5), [3, 4, 5]),
        (SLICE, (0, 3, 5), [3, 5]),
        (SLICE, (0, 1), []),
    ],
)
def test_a_pick_takes_what_is_kept_in_the_order_of_the_target(what: Program, kept: Any, expected: list[int]) -> None:
    """The input holds the number of its channel in the dense network."""
    x = torch.tensor([kept], dtype=torch.float64)
    assert installed(what, *kept)(x).tolist() == [expected]


@given(st.sets(st.integers(0, 5), min_size=1), st.permutations(range(6)), st.integers(0, 6))
def test_any_pick_of_any_candidate(kept: set[int], order: list[int], count: int) -> None:
    wanted, units = tuple(order[:count]), tuple(sorted(kept))
    entry = Pick(0, 1, wanted)
    what = program(Node("pick", (("v", 0), 0, ("pick", 0)), (), 1), picks=(entry,))
    model = nn.Identity()
    install(model, what, Candidate((units,), Plan(("c",), (6,), (CHANNELS, Labels((wanted,))), (), (), (what,))))
    assert model(torch.tensor(units)).tolist() == [unit for unit in wanted if unit in kept]


def test_neighbours_are_a_view_and_others_a_copy() -> None:
    x = torch.arange(6.0).reshape(1, 6)
    view, gathered = installed(SLICE)(x), installed(PICK)(x)
    assert view.data_ptr() == x[:, 3:].data_ptr()
    assert gathered.data_ptr() not in range(x.data_ptr(), x.data_ptr() + 24)
    assert installed(PICK, 1, 3, 4)(x[:, [1, 3, 4]]).tolist() == [[1, 3]]
    kinds = [type(installed(what, *kept)._pick_0) for what, kept in ((PICK, ()), (PICK, (1, 2, 5)), (PICK, (1, 3)))]
    assert kinds == [Tensor, Tensor, tuple]


def test_the_function_itself() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    assert pick(x, 0, (1, 2)).tolist() == x[1:3].tolist()
    assert pick(x, 1, torch.tensor([3, 0])).tolist() == x[:, [3, 0]].tolist()


def test_picks_lie_where_the_module_is_or_else_where_it_is_said() -> None:
    meta = torch.device("meta")
    assert installed(PICK, model=Function(lambda s, x: x, fc=nn.Linear(2, 2)).to(meta))._pick_0.device == meta
    model = nn.Identity()
    install(model, PICK, candidate(PICK, *range(6)), meta)
    assert model._pick_0.device == meta
    assert installed(PICK)._pick_0.device.type == "cpu"


def test_a_pick_of_something_removed_is_refused() -> None:
    """Labels of the target that do not follow from the source's."""
    wrong = program(PICK.nodes[0], picks=(Pick(0, 1, (1, 3, 5, 2)),))
    with pytest.raises(ArtefactError, match="picks of what is kept"):
        installed(wrong, 0, 1, 3, 5)


def test_counts_and_batches() -> None:
    """Recorded with two examples and six channels: (2, 6) -> (2 * 6 / 2, 2)."""
    sizes = ("list", ("scaled", ("n", 0), 2), 2)
    what = program(Node("aten.reshape.default", (("v", 0), sizes), (), 1), batch=(0, 0))
    assert installed(what)(torch.zeros(2, 6)).shape == (6, 2)
    assert installed(what)(torch.zeros(4, 6)).shape == (12, 2)
    assert installed(what, 1, 4)(torch.zeros(6, 2)).shape == (6, 2)


def test_inner_modules_functions_parameters_and_results() -> None:
    model = Function(lambda s, x: x, fc=nn.Linear(6, 6), scale=nn.Parameter(torch.full((6,), 2.0)))
    what = program(
        Node("module:fc", (("v", 0),), (), 1),
        Node("aten.mul.Tensor", (("v", 1), ("w", "scale")), (), 2),
        Node("F.layer_norm", (("v", 2), ("list", ("n", 0)), ("w", "fc.bias")), (), 3),
        Node("aten.max.dim", (("v", 3), 1), (("keepdim", True),), (4, None)),
        Node("aten.relu_.default", (("v", 4),), (), None),
        out=("dict", ("y", ("tuple", ("v", 4), ("dtype", "int8")))),
    )
    x = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = functional.layer_norm(model.fc(x) * 2, (6,), model.fc.bias).amax(1, keepdim=True).relu()
    result = installed(what, model=model)(x)
    assert torch.equal(result["y"][0], expected)
    assert result["y"][1] is torch.int8


def test_the_functions_can_be_reached_from_here() -> None:
    assert {functional.layer_norm, functional.group_norm, functional.dropout} <= set(FUNCTIONS.values())


def test_dropout_follows_the_mode_that_the_program_names() -> None:
    """The first is that of the module itself, the second that of a module inside."""
    own = Node("F.dropout", (("v", 0), 1.0, ("training", "")), (), 1)
    inner = Node("F.dropout", (("v", 1), ("dropout", 1.0, "fc"), True), (), 1)
    model = Function(None, fc=nn.Linear(6, 6))
    x = torch.ones(1, 6, dtype=torch.float64)
    for node, module in ((own, model), (inner, model.fc)):
        nodes = (replace(own, args=(*own.args[:2], False)), node) if node is inner else (node,)
        network = installed(program(*nodes), model=copy.deepcopy(model))
        assert torch.equal(network(x), x)
        network.get_submodule("fc" if module is model.fc else "").train()
        assert torch.equal(network(x), torch.zeros_like(x))
    with pytest.raises(ArtefactError, match="expected a module 'gone'"):
        installed(program(Node("F.dropout", (("v", 0), 0.5, ("training", "gone")), (), 1)), model=model)


def test_programs_that_only_differ_in_the_kind_of_a_number() -> None:
    """1 == 1.0 == True: a cache of compiled programs must not mix them up."""
    x = torch.arange(6).reshape(1, 6)
    kinds = [installed(program(Node("aten.add.Scalar", (("v", 0), one), (), 1)))(x).dtype for one in (1, 1.0, 1, True)]
    assert kinds == [torch.int64, torch.float32, torch.int64, torch.int64]


@pytest.mark.parametrize("name", ["weight", "fc.weight", "fc.bias.x", "forward", "__class__", "__dict__", "fc", ""])
def test_a_tensor_that_the_module_does_not_have(name: str) -> None:
    model = Function(lambda s, x: x, fc=nn.Identity())
    before = dict(model.__dict__), type(model)
    with pytest.raises(ArtefactError, match="made for another model"):
        installed(program(out=("w", name)), model=model)
    assert (dict(model.__dict__), type(model)) == before


@pytest.mark.parametrize("path", ["gone", "fc.gone", "forward", "fc.", "__class__"])
def test_a_module_that_the_module_does_not_have(path: str) -> None:
    model = Function(lambda s, x: x, fc=nn.Identity())
    with pytest.raises(ArtefactError, match="expected a module"):
        installed(program(Node(f"module:{path}", (("v", 0),), (), 1)), model=model)


def test_a_tensor_without_the_form_of_a_name() -> None:
    model = Function(lambda s, x: x, parts=nn.ParameterList([nn.Parameter(torch.ones(6))]))
    assert installed(program(out=("w", "parts.0")), model=model)(torch.zeros(1)) is model.parts[0]


def test_an_op_this_torch_lacks_says_so() -> None:
    with pytest.raises(ArtefactError, match=r"an op of this torch, got 'aten\.gone\.default'\. Use the torch"):
        installed(program(Node("aten.gone.default", (), (), 1)))


def test_the_module_stays_what_it_was() -> None:
    model = Function(lambda s, x: x, fc=nn.Linear(2, 2)).train()
    model.fc.requires_grad_(False)
    state = list(model.state_dict())
    installed(PICK, 1, 2, 5, model=model)
    assert isinstance(model, Function)
    assert (type(model).__name__, type(model).__module__) == ("Function", Function.__module__)
    assert list(model.state_dict()) == state
    assert (model.training, model.fc.weight.requires_grad) == (True, False)
    assert [name for name, _ in model.named_buffers()] == ["_pick_0"]
    assert model.double()._pick_0.dtype == torch.int64
    assert type(Function(lambda s, x: x)) is Function


def test_the_signature_is_that_of_the_code_it_stands_for() -> None:
    model = NET["channel shuffle"].build().shuffle
    expected = inspect.signature(model.forward)
    assert list(expected.parameters) == ["x"]
    assert inspect.signature(installed(ADD, model=model).forward) == expected


def test_hooks_of_a_replaced_module_run() -> None:
    model = nn.Identity()
    model.register_forward_hook(lambda _module, _args, out: out * 10)
    assert installed(ADD, model=model)(torch.ones(1)).item() == 20


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])  # noqa: S301
def test_copies_run_the_program(copied: Any) -> None:
    model = nn.Sequential(installed(PICK, 1, 2, 5), installed(SLICE, model=nn.Sequential(nn.Linear(2, 2))))
    twin = copied(model)
    x = torch.tensor([[1.0, 2.0, 5.0]])
    assert twin[0](x).tolist() == [[1, 5]]
    assert type(twin[0]) is type(model[0])
    assert twin[0]._pick_0.data_ptr() != model[0]._pick_0.data_ptr()
    assert torch.equal(twin[1][0].weight, model[1][0].weight)
    assert twin[1](torch.arange(6.0)[None]).tolist() == [[3, 4, 5]]


def test_a_graph_module_keeps_its_program_when_copied() -> None:
    """``fx.GraphModule`` copies itself into a class of its own and drops what its graph does not name."""
    model = fx.symbolic_trace(nn.Sequential(nn.ReLU()))
    installed(PICK, 1, 2, 5, model=model)
    x = torch.tensor([[1.0, 2.0, 5.0]])
    for twin in (copy.deepcopy(model), copy.deepcopy(copy.deepcopy(nn.Sequential(model)))[0]):
        assert isinstance(twin, fx.GraphModule)
        assert twin(x).tolist() == model(x).tolist() == [[1, 5]]
        assert twin._pick_0.data_ptr() != model._pick_0.data_ptr()
    with pytest.raises(pickle.PicklingError, match="use save_artefact"):
        pickle.dumps(model)


def test_a_program_on_top_of_a_program() -> None:
    """Cut twice: what the first program read is still there, under its own name, and the second one runs."""
    model = installed(PICK, 1, 2, 5)
    installed(program(SLICE.nodes[0], Node("pick", (("v", 1), 1, ("w", "_pick_0")), (), 2), out=("v", 2)), model=model)
    assert [name for name, _ in model.named_buffers()] == ["_pick_0", "_pick_2_0"]
    assert model(torch.arange(6.0)[None]).tolist() == [[3, 5]]
    assert pickle.loads(pickle.dumps(model))(torch.arange(6.0)[None]).tolist() == [[3, 5]]  # noqa: S301


def test_attention_keeps_out_of_the_fused_kernel() -> None:
    """Torch's encoder layer would pass the weights of narrower projections to a kernel for equal widths."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double().eval()
    x = torch.randn(3, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    space = trace(layer, x)
    small = materialise(layer, space.uniform(0.5))
    assert isinstance(small.self_attn, nn.MultiheadAttention)
    assert not small.self_attn._qkv_same_embed_dim
    assert layer.self_attn._qkv_same_embed_dim
    with torch.inference_mode():
        fast = small(x)
    assert torch.allclose(fast, small(x))
    with pytest.raises(InputError, match="argument 'key_padding_mask' of self_attn"):
        small(x, src_key_padding_mask=torch.zeros(3, 5, dtype=torch.bool))


@pytest.mark.parametrize("name", ["channel shuffle", "option A in a module", "option A in a block"])
def test_networks_whose_code_states_sizes(name: str) -> None:
    model, inputs = NET[name].build(), NET[name].inputs()
    space = trace(model, inputs)
    assert len(space.plan.programs) == 1
    small = check(model, inputs, space, space.uniform(0.5))
    doubled = tuple(torch.cat([x, x, x]) for x in inputs)
    assert torch.allclose(small(*doubled), torch.cat([small(*inputs)] * 3))
