"""What the tests of policy updates share: batches by hand, and whole courses of learning on toys."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from cpruner.agent import PID, Gaussian, OnPolicy, Perceptron
from cpruner.agent.policy import Policy
from cpruner.agent.sequences import Sequences
from cpruner.agent.update import Batch
from cpruner.cmdp import Array, Problem
from cpruner.search.rollout import play
from cpruner.testing import ToyCMDP

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3, 4))]
TOYS = [*(pytest.param(toy, marks=pytest.mark.slow) for toy in (ToyCMDP.unconstrained, ToyCMDP.one)), ToyCMDP.two]
NARROW = Gaussian(initial_std=0.1, std_decay=0.95)
LAST = 10  # updates at the end of a course that are looked at


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def make_policy(states=2, actions=1, head=None, encoder=None):
    """A small policy, linear if nothing else is said, on one-hot states."""
    problem = Problem(states, actions, states)
    head, encoder = head or Gaussian(initial_mean=0.5), encoder or Perceptron(hidden=[])
    return Policy(problem, encoder, head, torch.Generator().manual_seed(0))


def make_batch(policy, action_BA, reward_B, cost_BK=None, states=2, **given):
    """Episodes that pass through all one-hot states, once each; not constrained unless ``given`` says so."""
    count = len(reward_B)
    seen = Sequences.of([torch.eye(states, dtype=torch.float64)] * (count // states))
    with torch.no_grad():
        old = policy(seen)
    cost_BK = np.zeros((count, 0)) if cost_BK is None else cost_BK
    numbers = {"violation_K": [], "lambda_K": [], "price_K": [], "weight_B": [1.0] * count, **given}
    return Batch(
        seen=seen,
        action_BA=float64(action_BA),
        reward_B=float64(reward_B),
        cost_BK=float64(cost_BK),
        old=old,
        length=float(states),
        **{name: float64(value) for name, value in numbers.items()},
    )


def random_batch(policy, states=2, actions=1, episodes=6, constraints=1, seed=0, **given):
    """Actions drawn around the middle, advantages drawn at will."""
    generator = np.random.default_rng(seed)
    count = states * episodes
    action_BA = generator.uniform(0.3, 0.7, (count, actions))
    reward_B, cost_BK = generator.standard_normal(count), 0.1 * generator.standard_normal((count, constraints))
    nothing = {name: [0.0] * constraints for name in ("violation_K", "lambda_K", "price_K")}
    return make_batch(policy, action_BA, reward_B, cost_BK - cost_BK.mean(axis=0), states, **{**nothing, **given})


def flat(policy):
    """All parameters, those that do not learn among them."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in policy.parameters()])


@dataclass(frozen=True)
class Course:
    """What happened in U updates: mean actions, multipliers, violations of the mean actions per limit, statistics."""

    action_UT: Array
    multiplier_UK: Array
    excess_UK: Array
    scalars: list[dict[str, Any]]


def course(update, env, updates=40, seed=0, **options):
    """Learn on a toy, with little noise, in 400 episodes."""
    given = {"policy": NARROW, "multiplier": PID(ki=0.25), "episodes_per_update": 10, **options}
    agent = OnPolicy(update=update, **given).build(env.problem, seed)
    env.reset(seed=seed)
    action_UT, stats = [], []
    for _ in range(updates):
        stats.append(agent.update([play(env, agent) for _ in range(agent.episodes_per_update)]))
        action_UT.append(np.clip(play(env, agent, deterministic=True).action_TA[:, 0], 0.0, 1.0))
    cost_UK = action_UT @ env.weight_TK + env.fixed_K * len(env.gain_T)
    excess_UK = cost_UK / env.limit_K - 1.0
    return Course(
        np.array(action_UT), np.array([s.multipliers for s in stats]), excess_UK, [dict(s.scalars) for s in stats]
    )


def assert_solved(course, env, *, action, band, multiplier=None):
    """The course ends at the optimum of the toy, and stays there.

    Args:
        course: What happened.
        env: The toy.
        action: How far an action may be from its optimum at the end.
        band: How far the cost of the mean actions may be from an active limit in any of the last updates, per limit.
        multiplier: How far a multiplier may be from its optimum, on average over the last updates.
    """
    solution = env.solve()
    assert course.action_UT[-1] == pytest.approx(solution.action_T, abs=action)
    active_K = solution.multiplier_K > 1e-4
    assert np.abs(course.excess_UK[-LAST:, active_K]).max(initial=0.0) < band
    assert course.excess_UK[-LAST:].max(initial=0.0) < band
    if multiplier is not None:
        assert course.multiplier_UK[-LAST:].mean(axis=0) == pytest.approx(solution.multiplier_K, abs=multiplier)


def unmet(update, **options):
    """A course on the toy that no action meets, which starts not far from the least violation and has a low cap."""
    given = {"policy": Gaussian(initial_mean=0.3, initial_std=0.1, std_decay=0.95), "multiplier": PID(ki=0.5, cap=10.0)}
    return course(update, ToyCMDP.infeasible(), **{**given, **options})


def assert_least_violation(taken):
    """The violation ends at the 0.5 limits that are left at a = 0, as the statistics say too, noise and all."""
    assert taken.excess_UK[-1] == pytest.approx([0.5], abs=0.1)
    assert taken.scalars[-1]["violation/cost0"] == pytest.approx(0.55, abs=0.15)


def assert_cap_reached(taken):
    """The multiplier has climbed as far as it may."""
    assert taken.multiplier_UK[-1] == taken.multiplier_UK[-2] == taken.multiplier_UK.max()
