import math

import pytest
import torch
from updates import (
    SEEDS,
    TOYS,
    assert_cap_reached,
    assert_least_violation,
    assert_solved,
    course,
    flat,
    make_batch,
    make_policy,
    random_batch,
    unmet,
)

from cpruner.agent import Attention, Bernoulli, Gaussian, OnPolicy, Recurrent
from cpruner.agent.update.natural import Fisher, flat_gradient, learning
from cpruner.agent.update.trust_region import TrustRegion
from cpruner.errors import InputError
from cpruner.testing import ToyCMDP, check_agent


def improve(spec, policy, batch):
    return spec.build(policy, torch.Generator()).improve(batch)


def surrogate(batch, law):
    return (batch.weight_B * batch.ratio_B(law) * batch.lagrangian_B).mean()


@pytest.mark.parametrize("head", [Gaussian(), Gaussian(learn_std=True), Bernoulli()], ids=str)
def test_step_is_the_natural_gradient_to_the_radius(head):
    policy = make_policy(head=head)
    batch = random_batch(policy, lambda_K=[0.5], price_K=[3.0], weight_B=[0.5] * 6 + [1.5] * 6)
    slope_P = flat_gradient(surrogate(batch, policy(batch.seen)), learning(policy))
    size = len(slope_P)
    fisher = Fisher(policy, batch.seen, batch.old, 1e-3)
    matrix = torch.stack([fisher(column) for column in torch.eye(size, dtype=torch.float64)])
    natural_P = torch.linalg.solve(matrix, slope_P)
    expected_P = math.sqrt(2.0 * 1e-4 / float(slope_P @ natural_P)) * natural_P
    before_P = torch.cat([p.detach().reshape(-1) for p in learning(policy)])
    spec = TrustRegion(radius=1e-4, damping=1e-3, iterations=20)
    stats = improve(spec, policy, batch)
    after_P = torch.cat([p.detach().reshape(-1) for p in learning(policy)])
    assert torch.allclose(after_P - before_P, stats["fraction"] * expected_P, rtol=1e-6, atol=1e-10)
    assert stats["steps"] == 1.0


def test_entropy_bonus_widens_a_learned_std():
    policy, plain = (make_policy(head=Gaussian(learn_std=True)) for _ in range(2))
    improve(TrustRegion(entropy=10.0), policy, random_batch(policy))
    improve(TrustRegion(), plain, random_batch(plain))
    seen = random_batch(plain).seen
    assert bool((policy(seen).spread() > plain(seen).spread()).all())


def test_with_nothing_else_to_gain_the_bonus_is_what_improves():
    """All advantages zero: the gain is the weight times what the mean entropy has grown."""
    policy = make_policy(head=Gaussian(learn_std=True))
    batch = random_batch(policy)
    batch.reward_B.zero_()
    batch.cost_BK.zero_()
    stats = improve(TrustRegion(entropy=0.5), policy, batch)
    grown = (policy(batch.seen).entropy() - batch.old.entropy()).mean()
    assert stats["gain"] == pytest.approx(0.5 * float(grown.detach()), rel=1e-6)
    assert stats["gain"] > 0.0


@pytest.mark.parametrize("radius", [1e-4, 0.01, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_the_radius_is_kept_and_the_surrogate_improves(radius, seed):
    policy = make_policy(head=Gaussian(learn_std=True))
    batch = random_batch(policy, seed=seed)
    stats = improve(TrustRegion(radius=radius), policy, batch)
    with torch.no_grad():
        law = policy(batch.seen)
        kl, gain = float(batch.old.kl(law).mean()), float(surrogate(batch, law) - batch.lagrangian_B.mean())
    assert 0.2 * radius < kl <= radius
    assert gain > 0.0
    assert stats["kl"] == pytest.approx(kl)
    assert stats["gain"] == pytest.approx(gain)


def unlikely(policy):
    """What a policy of probability 0.99 hardly ever does was better: its divergence grows faster than a parabola."""
    return make_batch(policy, [[0.0], [1.0]] * 2, [1.0, -1.0] * 2)


def test_a_step_out_of_the_region_is_refused():
    policy = make_policy(head=Bernoulli(initial_mean=0.99))
    batch, before = unlikely(policy), flat(policy)
    stats = improve(TrustRegion(radius=0.1, damping=0.0, tries=1), policy, batch)
    assert stats == {"steps": 0.0, "kl": 0.0, "fraction": 0.0, "gain": 0.0}
    assert torch.equal(flat(policy), before)
    stats = improve(TrustRegion(radius=0.1, damping=0.0), policy, batch)
    assert 0.0 < stats["fraction"] < 1.0
    assert 0.0 < stats["kl"] <= 0.1


def test_a_step_that_does_not_improve_is_refused():
    policy = make_policy(head=Gaussian(initial_mean=0.5, initial_std=0.01))
    # the density of an action a hair above the mean falls again once the mean has passed it
    batch = make_batch(policy, [[0.502], [0.502]], [1.0, 1.0])
    before = flat(policy)
    assert improve(TrustRegion(radius=2.0, tries=1), policy, batch)["steps"] == 0.0
    assert torch.equal(flat(policy), before)
    stats = improve(TrustRegion(radius=2.0), policy, batch)
    assert stats["gain"] > 0.0
    assert stats["fraction"] < 1.0


def test_nothing_to_gain_moves_nothing():
    policy = make_policy()
    batch = random_batch(policy, weight_B=[0.0] * 12)
    before = flat(policy)
    assert improve(TrustRegion(), policy, batch)["steps"] == 0.0
    assert torch.equal(flat(policy), before)


@pytest.mark.parametrize("encoder", [Recurrent(width=4), Attention(width=8, heads=2)], ids=str)
def test_policies_with_memory_are_improved(encoder):
    policy = make_policy(encoder=encoder)
    stats = improve(TrustRegion(), policy, random_batch(policy))
    assert stats["steps"] == 1.0
    assert 0.0 < stats["kl"] <= TrustRegion().radius


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_solved(toy, seed):
    assert_solved(course(TrustRegion(), toy(), seed=seed), toy(), action=0.05, band=0.15, multiplier=0.03)


@pytest.mark.integration
def test_what_cannot_be_met_drives_the_multiplier_to_its_cap():
    taken = unmet(TrustRegion())
    assert_least_violation(taken)
    assert_cap_reached(taken)


@pytest.mark.parametrize("toy", [ToyCMDP.two, ToyCMDP.unconstrained])
def test_contract(toy):
    env = toy()
    check_agent(OnPolicy(update=TrustRegion()), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"TrustRegion\.radius.*got 0"):
        TrustRegion(radius=0.0)
