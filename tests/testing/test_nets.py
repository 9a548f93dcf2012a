import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.space import trace
from cpruner.testing.nets import NETS, randomise

every_net = pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)


@every_net
def test_tracing_finds_what_is_known_by_hand(net) -> None:
    space = trace(net.build(), net.inputs())
    assert tuple((group.name, group.size) for group in space.groups) == net.groups
    said = {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}
    assert [(axis, words) for axis, words in net.frozen if words not in said.get(axis, "")] == []


@every_net
def test_a_network_is_the_same_for_one_seed_and_leaves_the_generator_alone(net) -> None:
    before = torch.get_rng_state()
    one, same, other = net.build(1), net.build(1), net.build(2)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@every_net
def test_it_is_in_eval_mode_and_double_precision(net) -> None:
    model = net.build()
    assert not any(module.training for module in model.modules())
    assert {tensor.dtype for tensor in (*model.parameters(), *net.inputs())} == {torch.float64}
    assert tuple(tuple(tensor.shape) for tensor in net.inputs()) == net.shapes
    assert not torch.equal(net.inputs(0)[0], net.inputs(1)[0])


def test_names_are_unique() -> None:
    assert len({net.name for net in NETS}) == len(NETS)


def test_no_batch_norm_channel_is_like_another() -> None:
    for net in NETS:
        for module in net.build().modules():
            if isinstance(module, _BatchNorm):
                for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                    assert len(tensor.unique()) == len(tensor)


def test_randomise_takes_norms_without_statistics_or_weights() -> None:
    bare = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    randomise(bare, torch.Generator().manual_seed(0))
    assert bare.state_dict() == {}
