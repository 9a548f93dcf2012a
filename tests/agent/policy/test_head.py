"""What every head must do."""

import pytest
import torch

from cpruner.agent import Bernoulli, Beta, Categorical, Gaussian, Squashed

SPECS = [Gaussian(), Squashed(), Beta(), Categorical(levels=5), Bernoulli()]
each = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)


def built(spec, seed=0, actions=2):
    return spec.build(4, actions, torch.Generator().manual_seed(seed))


def features(count=50):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def test_all_heads_are_here():
    import cpruner.agent.policy as room

    others = {"Head", "HeadSpec", "Law", "Policy"}
    assert {name for name in room.__all__ if name not in others} == {type(spec).__name__ for spec in SPECS}


@each
def test_shapes(spec):
    law = built(spec)(features())
    assert law.centre_BA.shape == law.spread().shape == law.sample(torch.Generator()).shape == (50, 2)
    assert law.log_prob(law.centre_BA).shape == law.entropy().shape == law.kl(law).shape == (50,)


@each
def test_all_states_start_nearly_alike(spec):
    law = built(spec)(features())
    assert float(law.spread().detach().std(0).max()) < 0.02
    assert float(law.centre_BA.detach().std(0).max()) < 0.02


@each
def test_learning_can_move_every_weight_of_it(spec):
    head = built(spec)
    law = head(features())
    (law.log_prob(law.sample(torch.Generator().manual_seed(0))) * torch.arange(50)).sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in head.parameters() if p.requires_grad)


@each
def test_annealing_never_widens(spec):
    head = built(spec)
    before = head(features()).spread().detach()
    for _ in range(3):
        head.anneal()
    assert bool((head(features()).spread().detach() <= before + 1e-12).all())


@each
def test_the_state_is_whole(spec):
    head, other = built(spec), built(spec, seed=1)
    head.anneal()
    other.load_state_dict(head.state_dict())
    one, two = head(features()), other(features())
    assert torch.equal(one.centre_BA, two.centre_BA)
    assert torch.equal(one.spread(), two.spread())


@each
def test_a_restart_explores_no_more_than_at_first(spec):
    head = built(spec)
    first = head(features()).spread().detach()
    for _ in range(5):
        head.anneal()
    head.restart(1.0)
    assert torch.allclose(head(features()).spread().detach(), first)
    head.restart(0.5)
    assert bool((head(features()).spread().detach() <= first + 1e-12).all())
