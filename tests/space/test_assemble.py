import pytest
import torch
from function import Function
from torch import nn

from cpruner.space import FIXED, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_dense_counts_are_those_of_the_network(net) -> None:
    model = net.build()
    space = trace(model, net.inputs())
    assert space.count(space.dense()).params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_cuts_name_real_axes_and_their_units(net) -> None:
    model = net.build()
    plan = trace(model, net.inputs()).plan
    tensors = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    for cut in plan.cuts:
        assert tensors[cut.tensor].shape[cut.axis] == len(cut.units)
        assert set(cut.units) <= {FIXED, *range(int(plan.offsets[-1]))}
        assert set(cut.units) != {FIXED}
    assert {unit for cut in plan.cuts for unit in cut.units} >= set(range(sum(plan.sizes)))


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_attributes_count_what_stays(net) -> None:
    model = net.build()
    for size in trace(model, net.inputs()).plan.attributes:
        assert len(size.units) == getattr(model.get_submodule(size.module), size.attribute)


def test_several_groups_of_one_module_are_numbered() -> None:
    """Positions 0 and 1 of a grouped convolution pair channels of a, positions 2 and 3 pair a with b."""
    model = Function(
        lambda s, x: s.d(torch.cat([s.a(x), s.b(x)], 1)).mean((2, 3)) @ s.w,
        a=nn.Conv2d(3, 6, 1), b=nn.Conv2d(3, 2, 1), d=nn.Conv2d(8, 8, 1, groups=2), w=nn.Parameter(torch.ones(8, 2)),
    )  # fmt: skip
    names = [group.name for group in trace(model, torch.ones(1, 3, 2, 2, dtype=torch.float64)).groups]
    assert names == ["a#1", "a#2", "d"]


def test_a_group_is_named_after_what_makes_its_channels_not_what_reads_them() -> None:
    assert [group.name for group in trace(NET["parameters"].build(), NET["parameters"].inputs()).groups] == ["conv"]
    model = Function(
        lambda s, x: (x @ s.w).relu() @ s.v, w=nn.Parameter(torch.ones(3, 6)), v=nn.Parameter(torch.ones(6, 2))
    )
    assert [group.name for group in trace(model, torch.ones(1, 3, dtype=torch.float64)).groups] == ["w"]


def test_a_shared_parameter_is_counted_once() -> None:
    model = Function(
        lambda s, x: s.fc(nn.functional.linear(s.a(x).relu(), s.a.weight.t())), a=nn.Linear(4, 6), fc=nn.Linear(4, 2)
    )
    space = trace(model, torch.ones(1, 4, dtype=torch.float64))
    assert space.sizes == (6,)
    assert space.count(space.uniform(0.5)).params == 3 * 4 + 3 + 4 * 2 + 2
    assert space.count(space.uniform(0.5)).macs == 2 * 3 * 4 + 4 * 2
