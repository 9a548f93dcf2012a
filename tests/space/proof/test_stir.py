import torch
from torch import nn

from cpruner.space.proof.stir import stirred


def net() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    nn.init.zeros_(model[2].weight)
    return model


def test_constant_parameters_get_noise_and_the_others_are_shared() -> None:
    model = net()
    copy = stirred(model)
    assert copy[0].weight.data_ptr() == model[0].weight.data_ptr()
    assert copy[2].weight.std() > 0.01
    assert copy[1].weight.std() > 0.01
    assert (copy[1].weight - 1).abs().max() < 1


def test_the_original_is_untouched() -> None:
    model = net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    stirred(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_same_seed_same_noise() -> None:
    one, same, other = stirred(net()), stirred(net()), stirred(net(), seed=1)
    assert torch.equal(one[2].weight, same[2].weight)
    assert not torch.equal(one[2].weight, other[2].weight)


def test_a_single_zero_gets_noise_too() -> None:
    """A gain of zero would hide the whole branch behind it."""
    model = nn.Module()
    model.gain = nn.Parameter(torch.tensor(0.0))
    assert stirred(model).gain != 0


def test_integers_single_numbers_and_parameters_without_data_stay() -> None:
    model = nn.Module()
    model.one = nn.Parameter(torch.ones(1))
    model.count = nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)
    model.empty = nn.Parameter(torch.zeros(3, device="meta"))
    copy = stirred(model)
    assert copy.one is model.one
    assert copy.count is model.count
    assert copy.empty is model.empty
