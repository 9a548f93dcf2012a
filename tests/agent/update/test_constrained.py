from dataclasses import replace

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
    make_policy,
    random_batch,
    unmet,
)

from cpruner.agent import Attention, Bernoulli, Gaussian, OnPolicy, Recurrent
from cpruner.agent.update.constrained import Constrained, acceptable, gains, orthonormal
from cpruner.agent.update.natural import Fisher, flat_gradient, learning
from cpruner.agent.update.trust_region import TrustRegion
from cpruner.errors import InputError
from cpruner.testing import ToyCMDP, check_agent

FINE = {"damping": 1e-4, "iterations": 30, "radius": 1e-4}


def improve(spec, policy, batch):
    """Statistics of an update, and what changed in the parameters that learn."""
    before_P = torch.cat([p.detach().reshape(-1) for p in learning(policy)])
    stats = spec.build(policy, torch.Generator()).improve(batch)
    return stats, torch.cat([p.detach().reshape(-1) for p in learning(policy)]) - before_P


def dense(policy, batch):
    """Damped Fisher matrix and the slopes of reward and costs, shape (P, V)."""
    slope_PV = torch.stack(
        [flat_gradient(gain, learning(policy), keep=True) for gain in gains(batch, policy(batch.seen))], dim=1
    )
    fisher = Fisher(policy, batch.seen, batch.old, FINE["damping"])
    unit_PP = torch.eye(len(slope_PV), dtype=torch.float64)
    return torch.stack([fisher(column) for column in unit_PP]), slope_PV


def test_gains_by_hand():
    """Two steps of one episode with ratios 2 and 0.5, weights 1 and 0.5: 2 ((2 - 1) A_1 + (0.5 - 1) 0.5 A_2) / 2."""
    policy = make_policy(head=Bernoulli(initial_mean=0.5))
    batch = random_batch(policy, episodes=1, constraints=2, weight_B=[1.0, 0.5])
    with torch.no_grad():
        log_prob_B = batch.old_log_prob_B + torch.tensor([2.0, 0.5], dtype=torch.float64).log()

    class Other:
        def log_prob(self, action_BA):
            return log_prob_B

    signal_BV = torch.column_stack([batch.reward_B, batch.cost_BK])
    assert torch.allclose(gains(batch, Other()), signal_BV[0] - 0.25 * signal_BV[1])
    assert gains(batch, batch.old).tolist() == [0.0, 0.0, 0.0]


def test_gains_predict_what_a_policy_changes_in_an_episode():
    """On a toy, from many episodes: the costs of an episode are linear in the mean actions."""
    env = ToyCMDP.one()
    generator = np.random.default_rng(0)
    policy = make_policy(states=4, head=Gaussian(initial_mean=0.5, initial_std=0.1))
    mean_S = policy(random_batch(policy, states=4, episodes=1).seen).centre_BA.detach().numpy()[:, 0]
    noise_NS = 0.1 * generator.standard_normal((4000, 4))
    noise_NS = np.concatenate([noise_NS, -noise_NS])
    cost_NS = np.cumsum((mean_S + noise_NS)[:, ::-1], axis=1)[:, ::-1]
    batch = random_batch(policy, states=4, episodes=len(noise_NS))
    action_BA = torch.from_numpy((mean_S + noise_NS).reshape(-1, 1))
    cost_BK = torch.from_numpy((cost_NS - cost_NS.mean(axis=0)).reshape(-1, 1).copy())
    batch = replace(batch, action_BA=action_BA, cost_BK=cost_BK)
    with torch.no_grad():
        policy.head.body.bias += 0.05
        law = policy(batch.seen)
    change = float((law.centre_BA - batch.old.centre_BA)[:4].sum())
    assert float(gains(batch, law)[1]) == pytest.approx(change * env.weight_TK[0, 0], rel=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("violation", [-1.0, -0.002, 0.002])
@pytest.mark.parametrize("head", [Gaussian(), Gaussian(learn_std=True), Bernoulli()], ids=str)
def test_step_is_that_of_the_dual(seed, violation, head):
    """Equations 12 and 13 for one constraint, by dense algebra."""
    policy = make_policy(head=head)
    batch = random_batch(policy, seed=seed, violation_K=[violation])
    matrix, slope_PV = dense(policy, batch)
    natural_PV = torch.linalg.solve(matrix, slope_PV)
    (q, r), (_, s) = (slope_PV.T @ natural_PV).tolist()
    delta = FINE["radius"]
    stats, change_P = improve(Constrained(**FINE, tolerance=1.0), policy, batch)
    reach = (2.0 * delta * s) ** 0.5
    if violation > reach:
        expected_P = -((2.0 * delta / s) ** 0.5) * natural_PV[:, 1]
        trust, price = 0.0, 0.0
    else:
        trust, price = (q / (2.0 * delta)) ** 0.5, 0.0
        if violation + r / trust > 0.0:
            trust = ((q - r**2 / s) / (2.0 * delta - violation**2 / s)) ** 0.5
            price = (trust * violation + r) / s
        expected_P = (natural_PV[:, 0] - price * natural_PV[:, 1]) / trust
    assert stats["recovery"] == float(violation > reach)
    assert stats["trust"] == pytest.approx(trust, rel=1e-5)
    assert stats["price/0"] == pytest.approx(price, rel=1e-4, abs=1e-6)
    assert torch.allclose(change_P, stats["fraction"] * expected_P, rtol=1e-4, atol=1e-8)


def test_without_constraints_it_is_the_trust_region():
    one, two = make_policy(), make_policy()
    batch = random_batch(one, constraints=0)
    stats, change_P = improve(Constrained(**FINE), one, batch)
    other, expected_P = improve(TrustRegion(**FINE), two, batch)
    assert torch.allclose(change_P, expected_P, rtol=1e-6)
    assert stats["kl"] == pytest.approx(other["kl"])
    assert stats["gain"] == pytest.approx(batch.length * other["gain"])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("radius", [0.001, 0.05])
def test_the_line_search_keeps_its_promises(seed, radius):
    policy = make_policy(head=Gaussian(learn_std=True), actions=2)
    batch = random_batch(policy, actions=2, constraints=3, seed=seed, violation_K=[-0.01, -0.05, 0.02])
    stats, _ = improve(Constrained(radius=radius, tolerance=0.001), policy, batch)
    with torch.no_grad():
        law = policy(batch.seen)
        gain_V = gains(batch, law)
        kl = float(batch.old.kl(law).mean())
    assert kl <= radius
    assert stats["kl"] == pytest.approx(kl)
    if stats["recovery"]:
        assert (batch.violation_K + gain_V[1:]).max() < 0.02
    else:
        assert (gain_V[1:] <= torch.tensor([0.011, 0.051, 0.001])).all()


def test_duplicate_constraints_are_one():
    once, twice = make_policy(), make_policy()
    single = random_batch(once, violation_K=[-0.002])
    double = replace(single, cost_BK=single.cost_BK.expand(-1, 2), violation_K=single.violation_K.expand(2))
    stats, change_P = improve(Constrained(**FINE), once, single)
    both, same_P = improve(Constrained(**FINE), twice, double)
    assert torch.allclose(change_P, same_P, rtol=1e-5)
    assert both["price/0"] + both["price/1"] == pytest.approx(stats["price/0"], rel=1e-4)


def test_costs_that_cannot_be_changed_are_seen_but_stop_nothing():
    policy = make_policy()
    batch = random_batch(policy, violation_K=[-0.5])
    batch = replace(batch, cost_BK=0.0 * batch.cost_BK)
    stats, _ = improve(Constrained(), policy, batch)
    assert stats["steps"] == 1.0
    assert stats["gain"] > 0.0
    batch = replace(batch, violation_K=-batch.violation_K)
    before = flat(policy)
    stats, _ = improve(Constrained(), policy, batch)
    assert stats["recovery"] == 1.0
    assert stats["steps"] == 0.0
    assert torch.equal(flat(policy), before)


def test_nothing_to_gain_moves_nothing():
    policy = make_policy()
    batch = random_batch(policy, weight_B=[0.0] * 12, violation_K=[-0.1])
    before = flat(policy)
    improve(Constrained(), policy, batch)
    assert torch.equal(flat(policy), before)


@pytest.mark.parametrize(
    ("gain_V", "violation_K", "feasible", "expected"),
    [
        ([0.1, -0.1], [-0.2], True, True),
        ([-0.1, -0.1], [-0.2], True, False),  # the reward falls and nothing had to be repaired
        ([-0.1, -0.1], [0.2], True, True),
        ([0.1, 0.05], [0.2], True, False),  # a violation grows
        ([0.1, 0.0005], [0.2], True, True),  # within the tolerance
        ([0.1, 0.2005], [-0.2], True, True),
        ([0.1, 0.25], [-0.2], True, False),  # a violation begins
        ([-9.0, -0.1, 0.15], [0.3, 0.1], False, True),  # the largest falls, though another grows
        ([9.0, -0.1, 0.25], [0.3, 0.1], False, False),
        ([0.0, 0.0, -0.1], [0.5, 0.3], False, True),  # what nothing changes does not count
        ([0.0, 0.0, 0.1], [0.5, 0.3], False, False),
        ([0.0, 0.0], [0.5], False, False),
    ],
)
def test_what_the_line_search_accepts(gain_V, violation_K, feasible, expected):
    assert acceptable(np.array(gain_V), np.array(violation_K), feasible, 0.001) is expected


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_orthonormal_combinations(rank):
    vector_XV = (
        np.random.default_rng(0).standard_normal((5, rank))
        @ np.array([[1e-4, 1.0, 1e4, 0.0], *[[0.0, 1.0, 2.0, 0.0], [1e-4, 0.0, 0.0, 0.0]]])[:rank]
    )
    basis_VD = orthonormal(vector_XV.T @ vector_XV)
    assert basis_VD.shape == (4, rank)
    assert (vector_XV @ basis_VD).T @ (vector_XV @ basis_VD) == pytest.approx(np.eye(rank), abs=1e-6)


@pytest.mark.parametrize("encoder", [Recurrent(width=4), Attention(width=8, heads=2)], ids=str)
def test_policies_with_memory_are_improved(encoder):
    policy = make_policy(encoder=encoder)
    stats, _ = improve(Constrained(), policy, random_batch(policy, violation_K=[-0.05]))
    assert stats["steps"] == 1.0
    assert 0.0 < stats["kl"] <= 0.05


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_solved(toy, seed):
    assert_solved(course(Constrained(), toy(), seed=seed), toy(), action=0.05, band=0.1)


@pytest.mark.integration
def test_an_active_constraint_has_a_price_and_a_slack_one_has_none():
    taken = course(Constrained(), ToyCMDP.two())
    active, slack = (np.mean([s[f"price/{k}"] for s in taken.scalars[-20:]]) for k in (0, 1))
    assert active > 0.5
    assert slack < 0.1 * active
    assert taken.multiplier_UK.shape == (40, 0)


@pytest.mark.integration
def test_what_cannot_be_met_is_recovered_from_to_the_end():
    taken = unmet(Constrained())
    assert_least_violation(taken)
    assert all(stats["recovery"] == 1.0 for stats in taken.scalars[-10:])


@pytest.mark.parametrize("toy", [ToyCMDP.two, ToyCMDP.unconstrained])
def test_contract(toy):
    env = toy()
    check_agent(OnPolicy(update=Constrained()), env, env.problem)


def test_options_are_checked():
    with pytest.raises(InputError, match=r"Constrained\.shrink.*got 1"):
        Constrained(shrink=1.0)
