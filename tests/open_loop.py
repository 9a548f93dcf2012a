"""For tests of agents that play whole sequences: episodes by hand, and what is missed of a known optimum."""

import numpy as np

from cpruner.cmdp import Episode, Problem
from cpruner.search.rollout import play

PAIR = Problem(observation_size=1, action_size=1, horizon=2, constraints=("flops",), limits=(1.0,))


def episode(actions, reward=0.0, cost=0.0):
    """Actions of one component or rows of several; reward and costs come with the last step."""
    action_TA = np.array(actions, dtype=np.float64).reshape(len(actions), -1)
    cost_K, earlier = np.atleast_1d(cost).astype(np.float64), [0.0] * (len(actions) - 1)
    return Episode(
        observation_TO=np.zeros((len(actions), 1)),
        action_TA=action_TA,
        reward_T=np.array([*earlier, reward]),
        cost_TK=np.stack([0.0 * cost_K] * len(earlier) + [cost_K]),
    )


def sequence(agent, steps, *, deterministic=False):
    """One episode's actions without an environment, first component each."""
    agent.begin()
    return [float(agent.act(np.zeros(1), deterministic=deterministic)[0]) for _ in range(steps)]


def missed(spec, env, episodes, seed):
    """Optimum minus the best reward of a feasible episode; infinite if there is none."""
    agent = spec.build(env.problem, seed)
    env.reset(seed=seed)
    found, played = [], 0
    while played + agent.episodes_per_update <= episodes:
        batch = [play(env, agent) for _ in range(agent.episodes_per_update)]
        agent.update(batch)
        played += len(batch)
        found += [e.total_reward for e in batch if (e.total_cost_K <= np.array(env.problem.limits)).all()]
    return env.solve().reward - max(found, default=-np.inf)
