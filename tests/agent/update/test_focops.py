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
    make_policy,
    random_batch,
    unmet,
)

from cpruner.agent import Bernoulli, Gaussian, OnPolicy
from cpruner.agent.update.focops import FOCOPS, projection_loss
from cpruner.errors import InputError
from cpruner.testing import ToyCMDP, check_agent

QUICK = FOCOPS(epochs=15)


def update(spec, policy):
    return spec.build(policy, torch.Generator())


def test_loss_by_hand():
    """Lagrangian (A_r - 2 A_c) / 2 = (0.5, -1), temperature 0.5; the second state has left the region of 0.1."""
    policy = make_policy()
    given = {"violation_K": [0.0], "lambda_K": [1.0], "price_K": [2.0]}
    batch = random_batch(policy, episodes=1, weight_B=[1.0, 0.5], **given)
    batch.reward_B.copy_(float64([1.4, -1.6]))
    batch.cost_BK.copy_(float64([[0.2], [0.2]]))
    spec = FOCOPS(temperature=0.5, radius=0.1)
    loss = projection_loss(float64([0.05, 0.2]), float64([1.5, 3.0]), batch, spec)
    assert float(loss) == pytest.approx((0.05 - 1.5 * 0.5 / 0.5) / 2.0)
    loss = projection_loss(float64([0.05, 0.1]), float64([1.5, 3.0]), batch, spec)
    assert float(loss) == pytest.approx((0.05 - 1.5 * 0.5 / 0.5 + 0.5 * (0.1 + 3.0 * 1.0 / 0.5)) / 2.0)


def test_states_outside_the_region_have_no_gradient():
    policy = make_policy()
    batch = random_batch(policy, episodes=1)
    ratio_B = float64([1.0, 1.0]).requires_grad_()
    projection_loss(float64([0.05, 0.2]), ratio_B, batch, FOCOPS(radius=0.1)).backward()
    assert ratio_B.grad[0] != 0.0
    assert ratio_B.grad[1] == 0.0


def test_the_minimum_is_the_best_policy_of_theorem_1():
    """Where every action is tried as often as it is likely: pi* ~ pi_old exp(A / temperature)."""
    policy = make_policy(states=1, head=Bernoulli(initial_mean=0.5))
    with torch.no_grad():
        policy.head.body.weight.zero_()
    batch = random_batch(policy, states=1, episodes=2)
    batch.action_BA.copy_(float64([[0.0], [1.0]]))
    batch.reward_B.copy_(float64([-1.0, 1.0]))
    spec = FOCOPS(temperature=4.0, radius=10.0, epochs=400, lr=0.02)
    update(spec, policy).improve(batch)
    assert float(policy(batch.seen).components.logits[0].detach()) == pytest.approx(2.0 / 4.0, abs=1e-3)


def test_entropy_bonus_widens_a_learned_std():
    policy, plain = (make_policy(head=Gaussian(learn_std=True)) for _ in range(2))
    update(FOCOPS(epochs=5, entropy=10.0), policy).improve(random_batch(policy))
    update(FOCOPS(epochs=5), plain).improve(random_batch(plain))
    seen = random_batch(plain).seen
    assert bool((policy(seen).spread() > plain(seen).spread()).all())


def test_the_bonus_is_in_units_of_the_advantage():
    """Without advantages the loss is D - entropy / temperature H: twice of both is the same."""
    left = []
    for temperature in (1.0, 2.0):
        policy = make_policy(head=Bernoulli())
        batch = random_batch(policy)
        batch.reward_B.zero_()
        batch.cost_BK.zero_()
        spec = FOCOPS(entropy=temperature, temperature=temperature, epochs=20, radius=10.0)
        update(spec, policy).improve(batch)
        left.append(flat(policy))
    assert torch.allclose(left[0], left[1], rtol=1e-9)


def test_the_radius_ends_the_update():
    policy = make_policy()
    batch = random_batch(policy)
    stats = update(FOCOPS(radius=0.01, lr=0.01, epochs=500, temperature=0.1), policy).improve(batch)
    assert 1.0 < stats["steps"] < 500.0
    assert 0.01 < stats["kl"] < 0.05
    assert 0.0 <= stats["inside"] < 1.0


def test_reused_steps_enter_by_their_weight():
    policy = make_policy(head=Gaussian(learn_std=True))
    before = flat(policy)
    update(FOCOPS(epochs=3), policy).improve(random_batch(policy, weight_B=[0.0] * 12))
    assert torch.equal(flat(policy), before)


def test_state_round_trip_continues_bit_identically():
    first, second = make_policy(), make_policy()
    batch = random_batch(first)
    here, there = update(FOCOPS(epochs=3), first), update(FOCOPS(epochs=3), second)
    here.improve(batch)
    second.load_state_dict(first.state_dict())
    there.load_state_dict(here.state_dict())
    assert here.improve(batch) == there.improve(batch)
    assert torch.equal(flat(first), flat(second))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_solved(toy, seed):
    assert_solved(course(QUICK, toy(), seed=seed), toy(), action=0.05, band=0.1, multiplier=0.03)


@pytest.mark.slow
def test_what_cannot_be_met_drives_the_multiplier_to_its_cap():
    taken = unmet(QUICK)
    assert_least_violation(taken)
    assert_cap_reached(taken)


@pytest.mark.parametrize("toy", [ToyCMDP.two, ToyCMDP.unconstrained])
def test_contract(toy):
    env = toy()
    check_agent(OnPolicy(update=FOCOPS(epochs=3)), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"FOCOPS\.temperature.*got 0"):
        FOCOPS(temperature=0.0)
