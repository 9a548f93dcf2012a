import torch

from cpruner.agent import Categorical


def test_it_starts_as_a_discrete_gaussian_around_the_initial_mean():
    head = Categorical(levels=5, initial_mean=0.5, initial_std=0.25).build(3, 1, torch.Generator().manual_seed(0))
    law = head(torch.zeros(1, 3, dtype=torch.float64))
    weights = torch.exp(-0.5 * torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64) ** 2)
    assert torch.allclose(law.components.probs[0, 0], weights / weights.sum())
    assert law.centre_BA.tolist() == [[0.5]]
    assert float(law.spread().detach()) < 0.25


def test_every_component_has_levels_of_its_own():
    head = Categorical(levels=3).build(2, 2, torch.Generator())
    with torch.no_grad():
        head.body.weight.zero_()
        head.body.bias.copy_(torch.tensor([9.0, 0.0, 0.0, 0.0, 9.0, 0.0]))
    head.bias_L.zero_()
    assert head(torch.zeros(1, 2, dtype=torch.float64)).centre_BA.tolist() == [[0.0, 0.5]]
