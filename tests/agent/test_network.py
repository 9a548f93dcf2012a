import torch
from torch import nn

from cpruner.agent.network import linear, mlp, orthogonal


def test_shapes_and_layers():
    network = mlp([3, 8, 5, 2], torch.Generator().manual_seed(0))
    assert [type(layer) for layer in network] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert network(torch.zeros(4, 3, dtype=torch.float64)).shape == (4, 2)


def test_a_linear_layer_is_orthogonal_times_its_gain_without_bias():
    layer = linear(3, 2, 0.5, torch.Generator().manual_seed(0))
    assert torch.equal(layer.bias, torch.zeros(2, dtype=torch.float64))
    assert torch.allclose(layer.weight @ layer.weight.T, 0.25 * torch.eye(2, dtype=torch.float64))


def test_orthogonal_fills_in_place():
    weight = torch.empty(2, 3, dtype=torch.float64)
    orthogonal(weight, 2.0, torch.Generator().manual_seed(0))
    assert torch.allclose(weight @ weight.T, 4.0 * torch.eye(2, dtype=torch.float64))


def test_the_gain_scales_the_first_layer_and_its_bias():
    network = mlp([4, 4, 4, 4], torch.Generator().manual_seed(0), first_gain=3.0)
    norms = [float(torch.linalg.matrix_norm(layer.weight, ord=2).detach()) for layer in network[::2]]
    assert [round(norm, 6) for norm in norms] == [3.0, 1.0, 1.0]
    assert 0.0 < float(network[0].bias.detach().abs().max()) <= 3.0


def test_only_the_given_generator_is_drawn_from():
    before = torch.get_rng_state()
    one, same, other = (mlp([3, 8, 2], torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
