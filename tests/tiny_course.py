"""Runs of an agent on problems with known optima, for the tests of the off-policy agents."""

from dataclasses import dataclass

import numpy as np

from cpruner.search.rollout import play
from cpruner.testing import Allocation


@dataclass(frozen=True)
class Learned:
    """What came of a run: actions without exploration, and means over the last 50 episodes played."""

    action_T: np.ndarray
    multiplier_K: np.ndarray
    cost_K: np.ndarray


def learned(spec, env, episodes, seed=0):
    agent, stats, played = spec.build(env.problem, seed), [], []
    env.reset(seed=seed)
    while len(played) < episodes:
        batch = [play(env, agent) for _ in range(agent.episodes_per_update)]
        stats.append(agent.update(batch).multipliers)
        played += batch
    return Learned(
        play(env, agent, deterministic=True).action_TA[:, 0],
        np.mean(stats[-50:], axis=0),
        np.mean([episode.total_cost_K for episode in played[-50:]], axis=0),
    )


def lagrangian_gap(env, solution, action_T):
    """What actions lack to the optimum of a toy problem, violations paid at the optimal multipliers; never negative."""
    reward = env.gain_T @ action_T - 0.5 * action_T @ action_T
    violation_K = env.weight_TK.T @ action_T - env.limit_K
    return solution.reward - (reward - solution.multiplier_K @ violation_K)


def median_gap(spec, episodes, seed, groups=12, runs=3):
    """Median over runs of what the best feasible choice of a search lacks to the optimum."""
    env = Allocation(groups=groups, seed=seed)
    gaps, (_, optimum) = [], env.solve()
    for run in range(runs):
        agent, tried = spec.build(env.problem, run), []
        env.reset(seed=run)
        while len(tried) < episodes:
            played = [play(env, agent) for _ in range(agent.episodes_per_update)]
            tried += [np.clip(episode.action_TA[:, 0], 0.0, 1.0) for episode in played]
            agent.update(played)
        gaps.append(optimum - max(env.reward(ratio_T) for ratio_T in tried if env.cost(ratio_T) <= 1.0))
    return np.median(gaps)
