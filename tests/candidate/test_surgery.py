import gc
from dataclasses import replace
from typing import Any

import pytest
import torch
from function import Function
from grid import GRID, grid
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check, run
from random_nets import candidates
from smaller import pruned
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from cpruner.candidate import Candidate, Plan, Surgeon, materialise
from cpruner.errors import ArtefactError
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@settings(max_examples=5)
@given(data=st.data())
def test_surgery_equals_the_mask_and_leaves_the_model_alone(net, data: st.DataObject) -> None:
    case = pruned(net.name)
    model, inputs, space = case.model, case.inputs, case.space
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modules = [(module, type(module)) for module in model.modules()]
    check(model, inputs, space, data.draw(candidates(space)))
    assert modules == [(module, type(module)) for module in model.modules()]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_the_dense_candidate_is_a_copy(net) -> None:
    model, inputs = net.build(), net.inputs()
    same = materialise(model, trace(model, inputs).dense())
    assert all(torch.equal(a, b) for a, b in zip(run(model, inputs), run(same, inputs), strict=True))
    pointers = {tensor.data_ptr() for tensor in model.state_dict().values() if tensor.numel()}
    assert not pointers & {tensor.data_ptr() for tensor in same.state_dict().values() if tensor.numel()}


def test_kept_slices_are_the_very_numbers_of_the_dense_network() -> None:
    model, inputs = NET["residual"].build(), NET["residual"].inputs()
    small = materialise(model, Candidate(((0, 3, 7), (2, 5)), trace(model, inputs).plan))
    inner, dense = small.sum.branches.inner, model.sum.branches.inner
    assert torch.equal(small.stem.weight, model.stem.weight[[0, 3, 7]])
    assert torch.equal(inner.a.weight, dense.a.weight[[2, 5]][:, [0, 3, 7]])
    assert torch.equal(inner.bn.running_var, dense.bn.running_var[[2, 5]])
    assert torch.equal(small.head.weight, model.head.weight[:, [0, 3, 7]])
    assert torch.equal(small.head.bias, model.head.bias)


def test_rows_with_two_factors_and_attributes_of_both_forms() -> None:
    """Of head 1, dimensions 0 and 2: rows 3 and 5."""
    model = grid()
    small = materialise(model, Candidate(((1,), (0, 2)), GRID))
    assert torch.equal(small.a.weight, model.a.weight[[3, 5]])
    assert torch.equal(small.a.bias, model.a.bias[[3, 5]])
    assert torch.equal(small.b.weight, model.b.weight[:, [3, 5]])
    assert (small.a.out_features, small.b.in_features, small.heads, small.shape) == (2, 2, 1, (2,))
    assert (model.a.out_features, model.heads, model.shape) == (6, 2, (6,))


class Attention(nn.Module):
    """Heads and their dimensions as most people write them."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(6, 36), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, 3, 4).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / 2).softmax(-1)
        result: Tensor = self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, 12))
        return result


@settings(max_examples=10)
@given(data=st.data())
def test_heads_and_dimensions_of_an_attention(data: st.DataObject) -> None:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model, x = Attention().double().eval(), torch.randn(2, 5, 6, dtype=torch.float64)
    space = trace(model, x)
    assert [(group.size, "out.weight[1]" in group.members) for group in space.groups] == [
        (3, True),
        (4, False),
        (4, True),
    ]
    candidate = data.draw(candidates(space))
    small = check(model, (x,), space, candidate)
    heads, keys, values = candidate.widths
    assert (small.qkv.out_features, small.out.in_features) == (heads * (2 * keys + values), heads * values)
    assert torch.allclose(small(torch.cat([x, x])), torch.cat([small(x)] * 2))


def test_attributes_modes_and_flags_are_those_of_the_dense_network() -> None:
    model, inputs = NET["depthwise"].build(), NET["depthwise"].inputs()
    space = trace(model, inputs)
    model.train()
    model.bn.eval()
    model.stem.weight.requires_grad_(False)
    model.deep.weight.some_flag = "mine"
    small = materialise(model, space.at([0.5, 0.25, 1.0]))
    assert (small.stem.out_channels, small.deep.groups, small.deep.in_channels, small.deep.out_channels) == (3, 3, 3, 3)
    assert (small.point.in_channels, small.point.out_channels) == (3, 1)
    assert (small.twin.groups, small.twin.in_channels, small.twin.out_channels) == (1, 1, 2)
    assert (small.head.in_features, small.head.out_features, small.bn.num_features) == (2, 5, 3)
    assert [m.training for m in small.modules()] == [m.training for m in model.modules()]
    assert not small.stem.weight.requires_grad
    assert small.deep.weight.requires_grad
    assert small.deep.weight.some_flag == "mine"
    assert type(small) is type(model)


def test_a_replaced_module_keeps_its_mode_and_its_class() -> None:
    model, inputs = NET["channel shuffle"].build(), NET["channel shuffle"].inputs()
    space = trace(model, inputs)
    small = materialise(model.eval(), space.smallest())
    assert not any(module.training for module in small.modules())
    assert all(module.training for module in materialise(model.train(), space.smallest()).modules())
    assert isinstance(small.shuffle, type(model.shuffle))
    assert list(small.state_dict()) == list(model.state_dict())


def test_the_smaller_network_learns() -> None:
    model, inputs = NET["option A in a module"].build(), NET["option A in a module"].inputs()
    small = materialise(model, trace(model, inputs).uniform(0.5)).train()
    small(*inputs).square().sum().backward()
    assert all(parameter.grad is not None and parameter.is_leaf for parameter in small.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_shared_parameter_stays_shared() -> None:
    shared = nn.Linear(4, 4, bias=False)
    model = Function(lambda s, x: s.fc(s.b(s.a(x).relu())), a=shared, b=nn.Linear(4, 4, bias=False), fc=nn.Linear(4, 2))
    model.b.weight = model.a.weight
    x = torch.ones(1, 4, dtype=torch.float64)
    space = trace(model, x)
    small = check(model, (x,), space, space.dense())
    assert small.a.weight is small.b.weight


def test_a_list_of_layers_kept_as_a_plain_attribute() -> None:
    """The layers that run are those in the list: they have to be the narrower ones."""
    model = Function(lambda s, x: s.order[1](s.order[0](x).relu()), a=nn.Linear(4, 6), b=nn.Linear(6, 2))
    model.order = [model.a, model.b]
    x = torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(2, 4)
    space = trace(model, x)
    small = check(model, (x,), space, space.uniform(0.5))
    assert small.order[0] is small.a
    assert small.a.out_features == 3


def test_hooks_belong_to_the_smaller_network() -> None:
    model = grid()
    seen: list[nn.Module] = []
    model.a.register_forward_hook(lambda module, _args, _out: seen.append(module))
    small = materialise(model, Candidate(((1,), (0, 2)), GRID))
    small(torch.ones(1, 4, dtype=torch.float64))
    assert seen == [small.a]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.LSTM(6, 3, batch_first=True),
        lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 4)), nn.Linear(4, 3)),
        lambda: nn.TransformerEncoderLayer(6, 2, 8, batch_first=True),
    ],
    ids=["recurrent", "parametrised", "encoder"],
)
def test_layers_that_say_how_they_are_copied(layer: Any) -> None:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = Function(lambda s, x: s.last(s.first(x).relu()), first=nn.Linear(4, 6), last=layer())
        x = torch.randn(2, 5, 4, dtype=torch.float64)
    space = trace(model, x)
    assert len(space.groups) > 0
    check(model, (x,), space, space.uniform(0.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_other_precisions(dtype: torch.dtype) -> None:
    model = grid().to(dtype)
    small = materialise(model, Candidate(((1,), (0, 2)), GRID))
    assert torch.equal(small.a.weight, model.a.weight[[3, 5]])
    assert {parameter.dtype for parameter in small.parameters()} == {dtype}


def test_a_surgeon_cuts_many_candidates_out_of_what_the_weights_are_by_then() -> None:
    model = grid()
    surgeon = Surgeon(model, GRID)
    first, second = surgeon(Candidate(((1,), (0, 2)), GRID)), surgeon(Candidate(((0, 1), (1,)), GRID))
    assert (first.a.out_features, second.a.out_features) == (2, 2)
    with torch.no_grad():
        model.a.bias.copy_(torch.arange(6.0))
    model.train()
    third = surgeon(Candidate(((0, 1), (1,)), Plan.from_dict(GRID.to_dict())))
    assert third.a.bias.tolist() == [1, 4]
    assert not torch.equal(second.a.bias, third.a.bias)
    assert third.training
    with pytest.raises(ArtefactError, match="one of this network's space"):
        surgeon(Candidate(((0, 1), (1,)), replace(GRID, attributes=())))


def test_a_fresh_network_of_the_same_structure_is_cut_as_well() -> None:
    net = NET["channel shuffle"]
    candidate = trace(net.build(), net.inputs()).uniform(0.5)
    other = net.build(seed=1)
    small = materialise(other, candidate)
    assert type(small.shuffle).__base__ is type(other.shuffle)
    assert torch.equal(small.stem.weight, other.stem.weight[list(candidate.kept[0])])


def test_a_smaller_network_can_be_traced_and_cut_again() -> None:
    model, inputs = NET["residual"].build(), NET["residual"].inputs()
    small = materialise(model, trace(model, inputs).uniform(0.5))
    space = trace(small, inputs)
    assert space.sizes == (4, 3)
    check(small, inputs, space, space.smallest())


@pytest.mark.parametrize("name", ["channel shuffle", "option A in a module", "option A in a block"])
def test_a_network_with_a_replaced_module_can_be_traced_and_cut_again(name: str) -> None:
    model, inputs = NET[name].build(), NET[name].inputs()
    small = materialise(model, trace(model, inputs).uniform(0.5))
    space = trace(small, inputs)
    check(small, inputs, space, space.smallest())


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_is_afterwards_as_it_was(collecting: bool) -> None:
    model, before = NET["depthwise"].build(), gc.isenabled()
    space = trace(model, NET["depthwise"].inputs())
    (gc.enable if collecting else gc.disable)()
    try:
        materialise(model, space.uniform(0.5))
        assert gc.isenabled() == collecting
        with pytest.raises(AttributeError):
            Surgeon(model, space.plan)(None)
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if before else gc.disable)()
