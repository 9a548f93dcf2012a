import numpy as np
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

from cpruner.agent import PID, Bernoulli, Gaussian, GradientAscent, OnPolicy, Table
from cpruner.agent.update.natural import flat_gradient, learning
from cpruner.agent.update.policy_gradient import PolicyGradient
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import ToyCMDP, check_agent


def update(spec, policy):
    return spec.build(policy, torch.Generator())


def test_first_step_follows_the_sign_of_the_likelihood_ratio_gradient():
    """Adam's first step is its step size along the sign of mean(w A grad log pi)."""
    policy = make_policy(head=Gaussian(learn_std=True))
    batch = random_batch(policy, lambda_K=[1.0], price_K=[3.0], weight_B=[0.5, 1.5] * 6)
    gain = (batch.weight_B * batch.lagrangian_B * policy(batch.seen).log_prob(batch.action_BA)).mean()
    slope_P, before = flat_gradient(gain, learning(policy)), flat(policy)
    stats = update(PolicyGradient(lr=0.03, steps=1), policy).improve(batch)
    assert torch.allclose(flat(policy) - before, 0.03 * slope_P.sign(), atol=1e-6)
    assert stats["steps"] == 1.0
    assert stats["kl"] > 0.0


def test_a_bernoulli_unit_by_hand():
    """One unit, logit z: grad log pi = a - p. Of two episodes the one that kept it was better, 1 against -1."""
    policy = make_policy(states=1, head=Bernoulli(initial_mean=0.8), encoder=Table())
    batch = make_batch(policy, [[1.0], [0.0]], [1.0, -1.0], states=1)
    gain = (batch.ratio_B(policy(batch.seen)) * batch.lagrangian_B).mean()
    probability = float(batch.old.components.probs[0])
    expected = ((1.0 - probability) - (0.0 - probability)) / 2.0
    assert flat_gradient(gain, [policy.head.body.bias]).item() == pytest.approx(expected)
    update(PolicyGradient(), policy).improve(batch)
    assert float(policy(batch.seen).components.probs[0].detach()) > probability


def test_later_steps_weigh_actions_by_how_likely_they_have_become():
    """The second gradient is that of mean(rho A) at the new policy."""
    policy = make_policy()
    batch = random_batch(policy)
    update(PolicyGradient(lr=0.05, steps=1), policy).improve(batch)
    law = policy(batch.seen)
    parameters = learning(policy)
    with torch.no_grad():
        ratio_B = batch.ratio_B(law)
    weighed = (ratio_B * batch.lagrangian_B * law.log_prob(batch.action_BA)).mean()
    surrogate = (batch.ratio_B(policy(batch.seen)) * batch.lagrangian_B).mean()
    assert torch.allclose(flat_gradient(surrogate, parameters), flat_gradient(weighed, parameters))
    assert float((ratio_B - 1.0).abs().max()) > 0.05


def test_entropy_bonus_keeps_a_unit_undecided():
    sure, unsure = (make_policy(states=1, head=Bernoulli(initial_mean=0.9), encoder=Table()) for _ in range(2))
    batch = make_batch(sure, [[1.0], [1.0]], [0.0, 0.0], states=1)
    before = flat(sure)
    update(PolicyGradient(), sure).improve(batch)
    assert torch.equal(flat(sure), before)
    update(PolicyGradient(entropy=1.0, lr=0.1, steps=100), unsure).improve(batch)
    assert float(unsure(batch.seen).components.probs[0].detach()) == pytest.approx(0.5, abs=0.02)


def test_state_round_trip_continues_bit_identically():
    first, second = make_policy(), make_policy()
    batch = random_batch(first)
    here, there = update(PolicyGradient(steps=3), first), update(PolicyGradient(steps=3), second)
    here.improve(batch)
    second.load_state_dict(first.state_dict())
    there.load_state_dict(here.state_dict())
    assert here.improve(batch) == there.improve(batch)
    assert torch.equal(flat(first), flat(second))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_solved(toy, seed):
    taken = course(PolicyGradient(), toy(), seed=seed)
    assert_solved(taken, toy(), action=0.06, band=0.15, multiplier=0.03)


@pytest.mark.slow
def test_what_cannot_be_met_drives_the_multiplier_to_its_cap():
    taken = unmet(PolicyGradient())
    assert_least_violation(taken)
    assert_cap_reached(taken)


@pytest.mark.slow
def test_priced_reward_solves_a_toy():
    """RCPO: the advantage is that of the reward minus the priced costs, and the multiplier moves slowly."""
    env = ToyCMDP.one()
    options = {"penalty": "reward", "multiplier": GradientAscent(lr=0.5)}
    taken = course(PolicyGradient(), env, updates=60, **options)
    assert_solved(taken, env, action=0.1, band=0.15, multiplier=0.05)


@pytest.mark.slow
def test_one_parameter_per_unit_keeps_the_most_valuable_units():
    """On 0 or 1, units earn (0.4, 0.2, 0, 0.2), and two of four may be kept: the first, and one of two equals."""
    env = ToyCMDP.one()
    spec = OnPolicy(
        update=PolicyGradient(lr=0.1), policy=Bernoulli(), encoder=Table(), multiplier=PID(), episodes_per_update=10
    )
    agent = spec.build(env.problem, seed=0)
    env.reset(seed=0)
    kept_UT = []
    for _ in range(60):
        episodes = [play(env, agent) for _ in range(10)]
        kept_UT.append(np.mean([episode.action_TA[:, 0] for episode in episodes], axis=0))
        agent.update(episodes)
    kept_T = np.mean(kept_UT[-20:], axis=0)
    assert kept_T[0] > 0.9
    assert kept_T[2] < 0.1
    assert kept_T[1] + kept_T[3] == pytest.approx(1.0, abs=0.2)
    assert kept_T.sum() == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize(
    "options",
    [{}, {"penalty": "reward", "baseline": "critic", "critic_epochs": 3}, {"policy": Bernoulli(), "encoder": Table()}],
    ids=str,
)
def test_contract(options):
    for env in (ToyCMDP.two(), ToyCMDP.unconstrained()):
        check_agent(OnPolicy(update=PolicyGradient(steps=2, entropy=0.01), **options), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"PolicyGradient\.steps.*got 0"):
        PolicyGradient(steps=0)
