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
    random_batch,
    unmet,
)

from cpruner.agent import Bernoulli, OnPolicy
from cpruner.agent.update.cup import CUP, improvement_loss, projection_loss
from cpruner.errors import InputError
from cpruner.testing import ToyCMDP, check_agent


def update(spec, policy):
    return spec.build(policy, torch.Generator())


def by_hand(**given):
    """One episode of two steps, one cost, at price 2; what holds the policy back counts 1 + lambda times."""
    policy = make_policy()
    numbers = {"violation_K": [0.1], "lambda_K": [1.0], "price_K": [2.0], "weight_B": [1.0, 0.5], **given}
    return policy, make_batch(policy, [[0.4], [0.6]], [1.0, -1.0], [[0.3], [-0.3]], **numbers)


def test_improvement_loss_by_hand():
    # ratios 2 and 0.5, clip 0.3: min(2, 1.3) and min(-0.5, -0.7)
    _, batch = by_hand()
    loss = improvement_loss(float64([0.1, 0.2]), float64([2.0, 0.5]), batch, CUP(temperature=3.0, clip=0.3))
    assert float(loss) == pytest.approx((-1.3 + 2.0 * 3.0 * 0.1 + 0.5 * (0.7 + 2.0 * 3.0 * 0.2)) / 2.0)


def test_projection_loss_by_hand():
    _, batch = by_hand()
    loss = projection_loss(float64([0.1, 0.2]), float64([2.0, 0.5]), batch, CUP(temperature=3.0))
    paid = (2.0 * 0.6 + 2.0 * 3.0 * 0.1, 0.5 * (0.5 * -0.6 + 2.0 * 3.0 * 0.2))
    assert float(loss) == pytest.approx(sum(paid) / 2.0)


def one_unit(reward_B, cost_BK, **given):
    """A state with one unit of probability a half; every action is tried as often as it is likely."""
    policy = make_policy(states=1, head=Bernoulli(initial_mean=0.5))
    with torch.no_grad():
        policy.head.body.weight.zero_()
    return policy, make_batch(policy, [[0.0], [1.0]], reward_B, cost_BK, states=1, **given)


def logit(policy, batch):
    return float(policy(batch.seen).components.logits[0].detach())


LONG = {"epochs": 300, "projection_epochs": 300, "lr": 0.02, "projection_lr": 0.02, "clip": 9.0}
FAR = {"target_kl": 9.0, "projection_kl": 9.0}


def test_the_projection_takes_back_what_improves_the_reward_at_the_price_of_a_cost():
    """A_r = price A_c: the Lagrangian is flat, hence nothing is to be gained."""
    given = {"violation_K": [0.1], "lambda_K": [1.0], "price_K": [2.0]}
    policy, batch = one_unit([-0.1, 0.1], [[-0.05], [0.05]], **given)
    stats = update(CUP(temperature=1.0, **LONG, **FAR), policy).improve(batch)
    assert stats["kl_half"] > 100.0 * stats["kl"]
    assert logit(policy, batch) == pytest.approx(0.0, abs=0.01)


def test_without_a_price_nothing_is_projected():
    given = {"violation_K": [-0.1], "lambda_K": [0.0], "price_K": [0.0]}
    policy, batch = one_unit([-0.1, 0.1], [[-0.05], [0.05]], **given)
    stats = update(CUP(temperature=1.0, **LONG, **FAR), policy).improve(batch)
    assert stats["projection_steps"] == 0.0
    assert stats["kl"] == stats["kl_half"] > 0.0
    assert logit(policy, batch) == pytest.approx(0.2, abs=0.01)  # log odds of pi_old exp(A / temperature)


@pytest.mark.parametrize(("lambda_", "price", "expected"), [(0.0, 0.0, 0.1 / 0.3), (1.0, 2.0, 0.05 / 0.55**2)])
def test_the_steps_share_an_entropy_bonus_by_one_to_lambda(lambda_, price, expected):
    """A small logit l: slopes 0.1 of the reward, -tau / 4 (l - l_start) of what holds back, -0.05 l of a bonus."""
    given = {"violation_K": [0.1], "lambda_K": [lambda_], "price_K": [price]}
    policy, batch = one_unit([-0.2, 0.2], [[0.0], [0.0]], **given)
    update(CUP(temperature=1.0, entropy=0.2, **LONG, **FAR), policy).improve(batch)
    assert logit(policy, batch) == pytest.approx(expected, abs=0.01)


def test_the_projection_lowers_a_cost_the_reward_does_not_care_about():
    given = {"violation_K": [0.1], "lambda_K": [1.0], "price_K": [2.0]}
    policy, batch = one_unit([0.0, 0.0], [[-0.05], [0.05]], **given)
    stats = update(CUP(temperature=1.0, **LONG, **FAR), policy).improve(batch)
    assert stats["kl_half"] == 0.0
    assert logit(policy, batch) == pytest.approx(-0.1, abs=0.02)  # price A / (temperature (1 + lambda))


def test_either_step_ends_at_its_divergence():
    policy, batch = one_unit([-1.0, 1.0], [[-1.0], [1.0]], violation_K=[1.0], lambda_K=[1.0], price_K=[5.0])
    stats = update(CUP(temperature=0.1, **LONG, target_kl=0.01, projection_kl=0.05), policy).improve(batch)
    assert 0.01 < stats["kl_half"] < 0.02
    assert 1.0 < stats["steps"] < stats["projection_steps"] < 300.0


def test_reused_steps_enter_by_their_weight():
    policy = make_policy()
    before = flat(policy)
    given = {"violation_K": [0.1], "lambda_K": [1.0], "price_K": [2.0]}
    update(CUP(epochs=3), policy).improve(random_batch(policy, weight_B=[0.0] * 12, **given))
    assert torch.equal(flat(policy), before)


def test_state_round_trip_continues_bit_identically():
    (first, batch), (second, _) = by_hand(), by_hand()
    spec = CUP(epochs=3, projection_epochs=3)
    here, there = update(spec, first), update(spec, second)
    here.improve(batch)
    second.load_state_dict(first.state_dict())
    there.load_state_dict(here.state_dict())
    assert here.improve(batch) == there.improve(batch)
    assert torch.equal(flat(first), flat(second))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_solved(toy, seed):
    assert_solved(course(CUP(), toy(), updates=60, seed=seed), toy(), action=0.12, band=0.12, multiplier=0.06)


@pytest.mark.slow
def test_what_cannot_be_met_drives_the_multiplier_to_its_cap():
    taken = unmet(CUP())
    assert_least_violation(taken)
    assert_cap_reached(taken)


@pytest.mark.parametrize("toy", [ToyCMDP.two, ToyCMDP.unconstrained])
def test_contract(toy):
    env = toy()
    check_agent(OnPolicy(update=CUP(epochs=3, projection_epochs=3)), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"CUP\.temperature.*got 0"):
        CUP(temperature=0.0)
