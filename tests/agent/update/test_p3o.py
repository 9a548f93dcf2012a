import numpy as np
import pytest
import torch
from updates import (
    SEEDS,
    TOYS,
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
from cpruner.agent.update import Clipped
from cpruner.agent.update.p3o import P3O, excess, weights
from cpruner.errors import InputError
from cpruner.testing import ToyCMDP, check_agent


def update(spec, policy):
    return spec.build(policy, torch.Generator())


def costly(violation, weight_B=(1.0, 1.0), scale=1.0):
    """One episode of two steps with cost advantages of -0.5 and 0.5 (deviation 0.5), times a scale."""
    policy = make_policy()
    given = {"violation_K": [scale * violation], "lambda_K": [0.0], "price_K": [0.0], "weight_B": list(weight_B)}
    return make_batch(policy, [[0.5], [0.5]], [1.0, -1.0], scale * np.array([[-0.5], [0.5]]), **given)


def test_excess_by_hand():
    # ratios 2 and 0.5, clip 0.2: max(-1, -0.6) and max(0.25, 0.4); minus the advantages: -0.1 and -0.1
    ratio_B = float64([2.0, 0.5])
    assert float(excess(ratio_B, costly(0.5), 0.2)) == pytest.approx((0.5 / 2.0 - 0.1) / 0.5)
    assert float(excess(ratio_B, costly(0.1), 0.2)) == 0.0
    assert float(excess(ratio_B, costly(0.5, weight_B=[0.5, 0.0]), 0.2)) == pytest.approx((0.25 - 0.025) / 0.5)


def test_at_the_old_policy_the_excess_is_the_violation():
    ratio_B = float64([1.0, 1.0])
    assert float(excess(ratio_B, costly(0.3, weight_B=[0.5, 2.0]), 0.2)) == pytest.approx(0.3 / 2.0 / 0.5)
    assert float(excess(ratio_B, costly(-0.3), 0.2)) == 0.0


def test_excess_does_not_depend_on_the_unit_of_a_cost():
    ratio_B = float64([1.3, 0.9])
    assert float(excess(ratio_B, costly(0.5, scale=100.0), 0.2)) == pytest.approx(
        float(excess(ratio_B, costly(0.5), 0.2))
    )


def test_every_constraint_has_its_excess_and_one_that_does_not_vary_has_none():
    policy = make_policy()
    given = {"violation_K": [0.5, 0.2, 9.0], "lambda_K": [0.0] * 3, "price_K": [0.0] * 3}
    cost_BK = [[-0.5, 0.1, 0.0], [0.5, -0.1, 0.0]]
    batch = make_batch(policy, [[0.5], [0.5]], [1.0, -1.0], cost_BK, **given)
    assert excess(float64([1.0, 1.0]), batch, 0.2).tolist() == pytest.approx([0.25 / 0.5, 0.1 / 0.1, 0.0])


FOLLOWING = P3O(kappa=2.0, kappa_rate=0.5, kappa_max=3.0)


def test_weights_by_hand():
    # g / (T s) is 0.3 / 2 / 0.5 = 0.3 above the limit, and as much below
    start_K = float64([2.5])
    assert float(weights(start_K, costly(0.3), FOLLOWING)) == pytest.approx(2.5 * np.exp(0.15))
    assert float(weights(start_K, costly(-0.3), FOLLOWING)) == pytest.approx(2.5 * np.exp(-0.15))
    assert float(weights(start_K, costly(-0.3, scale=100.0), FOLLOWING)) == pytest.approx(2.5 * np.exp(-0.15))


def test_weights_stay_within_their_bounds():
    for violation, bound in ((9.0, 3.0), (-9.0, 2.0)):
        assert float(weights(float64([2.5]), costly(violation), FOLLOWING)) == bound
    assert float(weights(float64([2.0]), costly(9.0), P3O(kappa=2.0, kappa_rate=0.5))) == pytest.approx(
        2.0 * np.exp(0.5)
    )  # one violation counts no more than a deviation


def test_weights_of_costs_that_do_not_vary_follow_the_sign_of_the_violation():
    given = {"lambda_K": [0.0] * 3, "price_K": [0.0] * 3, "violation_K": [0.1, 0.0, -0.1]}
    batch = make_batch(make_policy(), [[0.5], [0.5]], [1.0, -1.0], [[0.0] * 3] * 2, **given)
    grown_K = weights(float64([2.5] * 3), batch, P3O(kappa=1.0, kappa_rate=0.1))
    assert grown_K.tolist() == pytest.approx([2.5 * np.exp(0.1), 2.5, 2.5 * np.exp(-0.1)])


def test_weights_are_constant_without_a_rate():
    assert weights(None, costly(0.3), P3O(kappa=4.0)).tolist() == [4.0]
    assert weights(float64([4.0]), costly(9.0), P3O(kappa=4.0)).tolist() == [4.0]


def test_weights_grow_while_a_limit_is_exceeded_and_are_reported():
    here = update(P3O(kappa=2.0, kappa_rate=0.5, kappa_max=2.5, epochs=1), make_policy())
    first, second = (here.improve(costly(0.3)) for _ in range(2))
    assert (first["kappa/0"], first["capped"]) == pytest.approx((2.0 * np.exp(0.15), 0.0))
    assert (second["kappa/0"], second["capped"]) == (2.5, 1.0)  # not 2 exp(0.3)


def test_an_entropy_bonus_keeps_a_unit_undecided():
    def logit(bonus):
        policy = make_policy(states=1, head=Bernoulli(initial_mean=0.5))
        given = {"violation_K": [-0.3], "lambda_K": [0.0], "price_K": [0.0], "states": 1}
        batch = make_batch(policy, [[0.0], [1.0]], [-1.0, 1.0], [[-0.5], [0.5]], **given)
        update(P3O(lr=0.02, epochs=300, clip=9.0, target_kl=9.0, entropy=bonus), policy).improve(batch)
        return float(policy(batch.seen).components.logits[0].detach())

    assert 0.0 < logit(1.0) < 0.5 * logit(0.0)


def test_the_penalty_pulls_only_while_there_is_an_excess():
    for violation, pulls in ((0.5, True), (-0.5, False)):
        ratio_B = float64([1.0, 1.0]).requires_grad_()
        excess(ratio_B, costly(violation), 0.2).sum().backward()
        assert bool(ratio_B.grad.any()) is pulls


def test_without_constraints_it_is_clipped_ppo():
    one, two = make_policy(), make_policy()
    batch = random_batch(one, constraints=0)
    same = {"lr": 0.01, "epochs": 5, "clip": 0.2, "target_kl": 1.0}
    stats = update(P3O(**same), one).improve(batch)
    assert stats == {**update(Clipped(**same), two).improve(batch), "penalty": 0.0}
    assert torch.equal(flat(one), flat(two))


def test_a_violation_is_lowered_at_the_expense_of_the_reward():
    policy = make_policy()
    action_BA, high_B = [[0.6], [0.6], [0.4], [0.4]], [1.0, 1.0, -1.0, -1.0]
    given = {"violation_K": [0.5], "lambda_K": [0.0], "price_K": [0.0]}
    batch = make_batch(policy, action_BA, high_B, np.array(high_B)[:, None], **given)
    stats = update(P3O(kappa=3.0, lr=0.01, epochs=10), policy).improve(batch)
    assert bool((policy(batch.seen).centre_BA < batch.old.centre_BA).all())
    assert 0.0 < stats["penalty"] < 3.0 * 0.5 / 2.0
    policy = make_policy()
    update(P3O(kappa=0.3, lr=0.01, epochs=10), policy).improve(batch)
    assert bool((policy(batch.seen).centre_BA > batch.old.centre_BA).all())


def test_state_round_trip_continues_bit_identically():
    first, second = make_policy(), make_policy()
    batch = random_batch(first)
    spec = P3O(epochs=3, kappa_rate=0.5, entropy=0.1)
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
    assert_solved(course(P3O(), toy(), seed=seed), toy(), action=0.06, band=0.1)


@pytest.mark.slow
def test_what_cannot_be_met_keeps_a_penalty():
    taken = unmet(P3O())
    assert_least_violation(taken)
    assert all(stats["penalty"] > 0.0 for stats in taken.scalars)
    assert taken.multiplier_UK.shape == (40, 0)


@pytest.mark.parametrize("toy", [ToyCMDP.two, ToyCMDP.unconstrained])
def test_contract(toy):
    env = toy()
    check_agent(OnPolicy(update=P3O(epochs=3, kappa_rate=0.5)), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"P3O\.kappa.*got -1"):
        P3O(kappa=-1.0)
    with pytest.raises(InputError, match=r"P3O\.kappa_max.*at least kappa, 5.*got 2"):
        P3O(kappa_max=2.0)
    with pytest.raises(InputError, match=r"P3O\.kappa: expected above 0.*got 0"):
        P3O(kappa=0.0, kappa_rate=0.5)
