from typing import Any

import pytest
import torch
from function import Function
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check, run
from random_nets import candidates
from torch import nn

from cpruner.candidate import Rewired, materialise
from cpruner.errors import ArtefactError
from cpruner.space import Candidate, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@settings(max_examples=5)
@given(data=st.data())
def test_surgery_equals_the_mask_and_leaves_the_model_alone(net, data: st.DataObject) -> None:
    model, inputs = net.build(), net.inputs()
    space = trace(model, inputs)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modules = list(model.modules())
    check(model, inputs, space, data.draw(candidates(space)))
    assert [id(module) for module in modules] == [id(module) for module in model.modules()]
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


def test_attributes_modes_and_flags_are_those_of_the_dense_network() -> None:
    model, inputs = NET["depthwise"].build(), NET["depthwise"].inputs()
    space = trace(model, inputs)
    model.train()
    model.bn.eval()
    model.stem.weight.requires_grad_(False)
    small = materialise(model, space.at([0.5, 0.25]))
    assert (small.stem.out_channels, small.deep.groups, small.deep.in_channels, small.deep.out_channels) == (3, 3, 3, 3)
    assert (small.point.in_channels, small.point.out_channels) == (3, 1)
    assert (small.twin.groups, small.twin.in_channels, small.twin.out_channels) == (1, 1, 2)
    assert (small.head.in_features, small.head.out_features, small.bn.num_features) == (2, 5, 3)
    assert [m.training for m in small.modules()] == [m.training for m in model.modules()]
    assert not small.stem.weight.requires_grad
    assert small.deep.weight.requires_grad
    assert type(small) is type(model)


def test_a_replaced_module_keeps_its_mode() -> None:
    model, inputs = NET["channel shuffle"].build(), NET["channel shuffle"].inputs()
    space = trace(model, inputs)
    assert not any(module.training for module in materialise(model.eval(), space.smallest()).modules())


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


def test_a_fresh_network_of_the_same_structure_is_cut_as_well() -> None:
    net = NET["channel shuffle"]
    candidate = trace(net.build(), net.inputs()).uniform(0.5)
    other = net.build(seed=1)
    small = materialise(other, candidate)
    assert isinstance(small.shuffle, Rewired)
    assert torch.equal(small.stem.weight, other.stem.weight[list(candidate.kept[0])])


@pytest.mark.parametrize("other", ["flatten", "residual", "channel shuffle"])
def test_a_candidate_of_another_model_is_refused(other: str) -> None:
    net = NET["dense block"]
    candidate = trace(net.build(), net.inputs()).uniform(0.5)
    with pytest.raises(ArtefactError, match="made for another model"):
        materialise(NET[other].build(), candidate)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "stem", nn.Conv2d(3, 9, 3)),
        lambda model: setattr(model, "stem", nn.Linear(3, 7)),
        lambda model: setattr(model, "point", nn.Identity()),
        lambda model: delattr(model, "shuffle"),
    ],
)
def test_a_model_that_lacks_a_part_is_refused(change: Any) -> None:
    net = NET["channel shuffle"]
    model = net.build()
    candidate = trace(model, net.inputs()).uniform(0.5)
    change(model)
    with pytest.raises(ArtefactError, match="another model"):
        materialise(model, candidate)


def test_cutting_twice_is_refused() -> None:
    net = NET["residual"]
    model = net.build()
    candidate = trace(model, net.inputs()).uniform(0.5)
    with pytest.raises(ArtefactError, match="is it the dense one"):
        materialise(materialise(model, candidate), candidate)


def test_a_smaller_network_can_be_traced_and_cut_again() -> None:
    model, inputs = NET["residual"].build(), NET["residual"].inputs()
    small = materialise(model, trace(model, inputs).uniform(0.5))
    space = trace(small, inputs)
    assert space.sizes == (4, 3)
    check(small, inputs, space, space.smallest())


def test_a_network_with_a_replaced_module_can_be_traced_again() -> None:
    model, inputs = NET["channel shuffle"].build(), NET["channel shuffle"].inputs()
    small = materialise(model, trace(model, inputs).uniform(0.5))
    space = trace(small, inputs)
    check(small, inputs, space, space.smallest())
    assert {entry.reason for entry in space.frozen if entry.tensor == "shuffle.source"} == {
        "op 'index_select' has no rule"
    }


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_the_smaller_network_lies_where_the_dense_one_does(net) -> None:
    model, inputs = net.build().to("cuda"), tuple(x.to("cuda") for x in net.inputs())
    space = trace(model, inputs)
    assert {p.device for p in check(model, inputs, space, space.uniform(0.5)).parameters()} == {inputs[0].device}
