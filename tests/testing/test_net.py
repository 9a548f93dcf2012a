import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.testing.net import Net, chain, randomise

NORMS = Net("norms", lambda: chain(a=nn.Linear(4, 6), bn=nn.BatchNorm1d(6), ln=nn.LayerNorm(6)), ((2, 4), (3,)), ())


def test_a_network_is_the_same_for_one_seed_and_leaves_the_generator_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = NORMS.build(1), NORMS.build(1), NORMS.build(2)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    assert all(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_it_is_in_eval_mode_and_double_precision() -> None:
    model = NORMS.build()
    assert not any(module.training for module in model.modules())
    assert {tensor.dtype for tensor in (*model.parameters(), *NORMS.inputs())} == {torch.float64}


def test_inputs_have_the_shapes_and_differ_by_seed() -> None:
    assert tuple(tuple(tensor.shape) for tensor in NORMS.inputs()) == NORMS.shapes
    assert torch.equal(NORMS.inputs(3)[0], NORMS.inputs(3)[0])
    assert not torch.equal(NORMS.inputs(0)[0], NORMS.inputs(1)[0])


def test_no_channel_is_like_another() -> None:
    for module in NORMS.build().modules():
        for name in ("running_mean", "running_var", "weight", "bias"):
            tensor = getattr(module, name, None)
            if tensor is not None:
                assert len(tensor.unique()) == tensor.numel()


def test_a_single_number_keeps_its_value() -> None:
    assert Net("prelu", nn.PReLU, ((2, 3),), ()).build().weight.item() == 0.25


def test_randomise_takes_norms_without_statistics_or_weights() -> None:
    bare: _BatchNorm = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    randomise(bare, torch.Generator().manual_seed(0))
    assert bare.state_dict() == {}


def test_a_chain_names_its_modules() -> None:
    assert [name for name, _ in chain(first=nn.ReLU(), second=nn.Tanh()).named_children()] == ["first", "second"]
