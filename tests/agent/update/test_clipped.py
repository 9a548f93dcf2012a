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
    float64,
    make_batch,
    make_policy,
    unmet,
)

from cpruner.agent import Bernoulli, Gaussian, OnPolicy
from cpruner.agent.update import Clipped
from cpruner.agent.update.objective import clipped_loss
from cpruner.errors import InputError
from cpruner.testing import ToyCMDP, check_agent

ACTIONS = [[0.6], [0.6], [0.4], [0.4]]  # of two episodes through two states
BETTER = [1.0, -1.0, -1.0, 1.0]  # in the first state larger actions, in the second smaller ones
QUICK = Clipped(epochs=15, lr=0.002)


def update(spec, policy):
    return spec.build(policy, torch.Generator())


def test_policy_moves_towards_what_was_better_in_each_state():
    policy = make_policy()
    spec = Clipped(epochs=50, clip=0.2, target_kl=1.0, lr=0.01)
    stats = update(spec, policy).improve(make_batch(policy, ACTIONS, BETTER))
    mean_BA = policy(make_batch(policy, ACTIONS, BETTER).seen).centre_BA.detach()
    assert mean_BA[0, 0] > 0.52
    assert mean_BA[1, 0] < 0.48
    assert stats["steps"] == 50.0


def test_target_kl_ends_the_update_with_the_step_that_exceeds_it():
    policy = make_policy()
    batch = make_batch(policy, ACTIONS, BETTER)
    stats = update(Clipped(epochs=500, clip=10.0, target_kl=0.01, lr=0.01), policy).improve(batch)
    assert 0.01 < stats["kl"] < 0.1
    assert stats["kl"] == pytest.approx(float(batch.old.kl(policy(batch.seen)).mean().detach()))
    assert 1.0 < stats["steps"] < 500.0


def test_entropy_bonus_widens_a_learned_std():
    policy = make_policy(head=Gaussian(learn_std=True))
    batch = make_batch(policy, ACTIONS, BETTER)
    before = batch.old.spread()
    update(Clipped(epochs=5, entropy=10.0), policy).improve(batch)
    assert bool((policy(batch.seen).spread() > before).all())


def test_a_std_on_a_schedule_is_left_alone():
    policy = make_policy()
    update(Clipped(epochs=5, entropy=10.0), policy).improve(make_batch(policy, ACTIONS, BETTER))
    assert policy.head.log_std_A.tolist() == Gaussian().build(1, 1, torch.Generator()).log_std_A.tolist()


@pytest.mark.parametrize("clip_costs", [True, False])
def test_loss_by_hand(clip_costs):
    """At ratios (2, 0.5) with clip 0.3, lambda 1 and price 2: A = (A_r - 2 A_c) / 2."""
    policy = make_policy(head=Bernoulli(initial_mean=0.5))
    with torch.no_grad():
        policy.head.body.weight.zero_()
    given = {"violation_K": [0.0], "lambda_K": [1.0], "price_K": [2.0], "weight_B": [1.0, 0.5]}
    batch = make_batch(policy, [[1.0], [0.0]], [1.0, -1.0], [[-0.5], [0.5]], **given)
    with torch.no_grad():  # probabilities 1 and 0.75 of the action 1
        policy.head.body.weight.copy_(float64([[40.0, torch.logit(float64(0.75))]]))
    law = policy(batch.seen)
    assert batch.ratio_B(law).tolist() == pytest.approx([2.0, 0.5])
    loss = float(update(Clipped(clip_costs=clip_costs), policy)._loss(batch, law).detach())
    # A = (1, -1): clipped min(2, 1.3) and min(-0.5, -0.7); costs alone: 2 * (2 * -0.5 + 0.5 * 0.5 * 0.5) / 2
    gained = (1.3 - 0.5 * 0.7) / 2.0
    paid = 2.0 * (2.0 * -0.5 + 0.5 * 0.5 * 0.5) / 2.0
    assert loss == pytest.approx(-gained if clip_costs else (-gained + paid) / 2.0)


def test_reused_steps_enter_by_their_weight():
    policy = make_policy()
    batch = make_batch(policy, ACTIONS, BETTER, weight_B=[0.0] * 4)
    before = flat(policy)
    update(Clipped(epochs=3), policy).improve(batch)
    assert torch.equal(flat(policy), before)
    assert float(clipped_loss(float64([1.0]), float64([2.0]), 0.3, float64([0.5]))) == -1.0


def test_state_round_trip_continues_bit_identically():
    first, second = make_policy(), make_policy()
    batch = make_batch(first, ACTIONS, BETTER)
    here, there = update(Clipped(epochs=3), first), update(Clipped(epochs=3), second)
    here.improve(batch)
    second.load_state_dict(first.state_dict())
    there.load_state_dict(here.state_dict())
    here.improve(batch)
    there.improve(batch)
    assert torch.equal(flat(first), flat(second))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_solved(toy, seed):
    assert_solved(course(QUICK, toy(), seed=seed), toy(), action=0.06, band=0.1, multiplier=0.03)


@pytest.mark.slow
def test_what_cannot_be_met_drives_the_multiplier_to_its_cap():
    taken = unmet(QUICK)
    assert_least_violation(taken)
    assert_cap_reached(taken)


@pytest.mark.parametrize("toy", [ToyCMDP.two, ToyCMDP.unconstrained])
def test_contract(toy):
    env = toy()
    check_agent(OnPolicy(update=Clipped(epochs=3)), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"Clipped\.clip.*\[0"):
        Clipped(clip=-0.1)
