import pytest
import torch
from torch.optim import Adam
from updates import float64, make_batch, make_policy

from cpruner.agent.update.descent import descend


def towards(target):
    """Squared distance of the mean actions from a number."""
    return lambda law: (law.centre_BA - target).square().sum()


def setting(lr=0.01):
    policy = make_policy()
    batch = make_batch(policy, [[0.5], [0.5]], [0.0, 0.0])
    return policy, Adam(policy.parameters(), lr=lr), batch


def test_the_loss_becomes_small():
    policy, adam, batch = setting(lr=0.05)
    steps, kl = descend(policy, adam, batch.seen, towards(0.6), since=batch.old, epochs=200, kl=10.0)
    law = policy(batch.seen)
    assert law.centre_BA.flatten().tolist() == pytest.approx([0.6, 0.6], abs=1e-3)
    assert steps == 200
    assert kl == pytest.approx(float(batch.old.kl(law).mean().detach()), abs=1e-12)


def test_the_step_that_goes_too_far_is_the_last():
    policy, adam, batch = setting()
    steps, kl = descend(policy, adam, batch.seen, towards(0.9), since=batch.old, epochs=1000, kl=0.01)
    assert 1 < steps < 1000
    assert 0.01 < kl < 0.02


def test_how_far_is_measured_from_where_it_is_told():
    policy, adam, batch = setting()
    near = descend(policy, adam, batch.seen, towards(0.9), since=batch.old, epochs=1000, kl=0.01)
    again = descend(policy, adam, batch.seen, towards(0.9), since=batch.old, epochs=1000, kl=0.01)
    assert near[0] > 1
    assert again[0] == 1
    with torch.no_grad():
        here = policy(batch.seen)
    fresh = descend(policy, adam, batch.seen, towards(0.9), since=here, epochs=1000, kl=0.01)
    assert fresh[0] > 1


def test_old_gradients_do_not_count():
    policy, adam, batch = setting()
    for parameter in policy.parameters():
        parameter.grad = 1e6 * torch.ones_like(parameter) if parameter.requires_grad else None
    descend(policy, adam, batch.seen, lambda law: 0.0 * law.centre_BA.sum(), since=batch.old, epochs=1, kl=1.0)
    assert torch.equal(policy(batch.seen).centre_BA, batch.old.centre_BA)
    assert float64([0.0]).item() == float(batch.old.kl(policy(batch.seen)).sum().detach())
