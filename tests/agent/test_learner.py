import pytest
import torch
from torch.optim import Adam

from cpruner.agent.critic import Critic
from cpruner.agent.learner import Batch, Trust, fit_values, improve_policy, load_moments, moments
from cpruner.agent.policy import GaussianPolicy


def make(seed=0, std=0.2):
    generator = torch.Generator().manual_seed(seed)
    policy = GaussianPolicy(2, 1, hidden=(8,), initial_mean=0.5, initial_std=std, generator=generator)
    return policy, Adam(policy.parameters(), lr=0.01)


def batch(policy):
    """In one state larger actions were better, in the other smaller ones."""
    observation_BO = torch.eye(2, dtype=torch.float64).repeat_interleave(2, dim=0)
    action_BA = torch.tensor([[0.6], [0.4], [0.6], [0.4]], dtype=torch.float64)
    advantage_B = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        old_log_prob_B = policy.log_prob(observation_BO, action_BA)
    return Batch(observation_BO, action_BA, advantage_B, torch.ones(4, dtype=torch.float64), old_log_prob_B)


def test_policy_moves_towards_what_was_better_in_each_state():
    policy, optimiser = make()
    stats = improve_policy(policy, optimiser, batch(policy), Trust(epochs=50, clip=0.2, target_kl=1.0, entropy=0.0))
    mean_BA = policy.mean(torch.eye(2, dtype=torch.float64)).detach()
    assert mean_BA[0, 0] > 0.52
    assert mean_BA[1, 0] < 0.48
    assert stats["steps"] == 50.0


def test_target_kl_ends_the_update_with_the_step_that_exceeds_it():
    policy, optimiser = make()
    trust = Trust(epochs=500, clip=10.0, target_kl=0.01, entropy=0.0)
    stats = improve_policy(policy, optimiser, batch(policy), trust)
    assert 0.01 < stats["kl"] < 0.1
    assert 1.0 < stats["steps"] < 500.0


def test_entropy_bonus_widens_a_learned_std():
    policy, optimiser = make()
    improve_policy(policy, optimiser, batch(policy), Trust(epochs=5, clip=0.2, target_kl=1.0, entropy=10.0))
    assert policy.std_A.item() > 0.2


def test_values_are_regressed_on_returns():
    critic = Critic(2, 1, hidden=(8,), generator=torch.Generator().manual_seed(0))
    observation_BO = torch.eye(2, dtype=torch.float64)
    return_BV = torch.tensor([[1.0, -1.0], [3.0, 0.0]], dtype=torch.float64)
    loss = fit_values(critic, Adam(critic.parameters(), lr=0.05), observation_BO, return_BV, 200)
    assert loss < 1e-3
    assert critic(observation_BO).detach().flatten().tolist() == pytest.approx([1.0, -1.0, 3.0, 0.0], abs=0.1)


def test_moments_round_trip_continues_bit_identically():
    policy, optimiser = make()
    trust = Trust(epochs=3, clip=0.2, target_kl=1.0, entropy=0.0)
    improve_policy(policy, optimiser, batch(policy), trust)
    resumed, resumed_optimiser = make(seed=1)
    resumed.load_state_dict(policy.state_dict())
    saved = moments(optimiser)
    load_moments(resumed_optimiser, saved)
    improve_policy(policy, optimiser, batch(policy), trust)
    improve_policy(resumed, resumed_optimiser, batch(resumed), trust)
    for here, there in zip(policy.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(here, there)
    assert saved["0"]["step"] == 3.0


def test_moments_before_the_first_step_are_empty():
    _, optimiser = make()
    assert moments(optimiser) == {}
    load_moments(optimiser, {})
    assert moments(optimiser) == {}
