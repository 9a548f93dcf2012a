import pytest
import torch
from torch.distributions import Independent, Normal

from cpruner.agent.policy import GaussianPolicy


def make(action_size=2, mean=0.6, std=0.2, seed=0, hidden=(8,)):
    return GaussianPolicy(
        3,
        action_size,
        hidden=hidden,
        initial_mean=mean,
        initial_std=std,
        generator=torch.Generator().manual_seed(seed),
        feature_gain=4.0,
    )


def observations(count=5):
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


@pytest.mark.parametrize("mean", [0.1, 0.6, 0.9])
def test_all_steps_start_near_the_initial_mean(mean):
    mean_BA = make(mean=mean).mean(observations(50)).detach()
    assert float((mean_BA - mean).abs().max()) < 0.02


def test_means_are_legal_actions_however_large_the_weights():
    policy = make()
    with torch.no_grad():
        for parameter in policy.body.parameters():
            parameter.mul_(50.0)
    mean_BA = policy.mean(observations(50)).detach()
    assert float(mean_BA.min()) >= 0.0
    assert float(mean_BA.max()) <= 1.0


def test_log_prob_and_entropy_agree_with_torch():
    policy, observation_BO = make(), observations()
    with torch.no_grad():
        policy.log_std_A.copy_(torch.tensor([-1.0, 0.3]))
        expected = Independent(Normal(policy.mean(observation_BO), policy.std_A), 1)
        action_BA = expected.mean + 0.7
        assert torch.allclose(policy.log_prob(observation_BO, action_BA), expected.log_prob(action_BA))
        assert torch.allclose(policy.entropy(), expected.entropy()[0])


def test_sample_has_the_stated_mean_and_std():
    policy = make(std=0.3)
    observation_BO = observations(1).expand(4000, 3)
    with torch.no_grad():
        action_BA = policy.sample(observation_BO, torch.Generator().manual_seed(1))
        assert torch.allclose(action_BA.mean(dim=0), policy.mean(observation_BO[:1])[0], atol=0.02)
        assert torch.allclose(action_BA.std(dim=0), policy.std_A, atol=0.02)
        assert torch.equal(action_BA, policy.sample(observation_BO, torch.Generator().manual_seed(1)))


def test_shrink_stops_at_the_floor():
    policy = make(std=0.2)
    policy.shrink(0.5, 0.04)
    assert policy.std_A.tolist() == pytest.approx([0.1, 0.1])
    policy.shrink(0.5, 0.08)
    assert policy.std_A.tolist() == pytest.approx([0.08, 0.08])
