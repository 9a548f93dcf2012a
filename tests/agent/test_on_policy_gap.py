"""How far from the optimum agents end after few episodes."""

import numpy as np
import pytest

from cpruner.agent import Clipped, CrossEntropy, OnPolicy, Random
from cpruner.search.rollout import play
from cpruner.testing import Allocation


def median_gap(spec, episodes, groups, seed):
    """Median over three seeds of what the best feasible choice of a search lacks to the optimum."""
    env = Allocation(groups=groups, noise=0.001, seed=seed)
    gaps, (_, optimum) = [], env.solve()
    for run in range(3):
        agent = spec.build(env.problem, run)
        env.reset(seed=run)
        tried = []
        while len(tried) < episodes:
            played = [play(env, agent) for _ in range(agent.episodes_per_update)]
            tried += [np.clip(episode.action_TA[:, 0], 0.0, 1.0) for episode in played]
            agent.update(played)
        gaps.append(optimum - max(env.reward(ratio_T) for ratio_T in tried if env.cost(ratio_T) <= 1.0))
    return np.median(gaps)


@pytest.mark.slow
def test_search_beats_random_within_few_episodes():
    learned = median_gap(
        OnPolicy(episodes_per_update=10, update=Clipped(epochs=30, lr=0.004)), episodes=100, groups=6, seed=1
    )
    assert 0.0 <= learned < 0.7 * median_gap(Random(), episodes=100, groups=6, seed=1)


@pytest.mark.slow
def test_defaults_beat_cross_entropy_and_random_in_200_episodes():
    learned = median_gap(OnPolicy(), episodes=200, groups=12, seed=0)
    assert learned < 0.7 * median_gap(CrossEntropy(), episodes=200, groups=12, seed=0)
    assert learned < 0.4 * median_gap(Random(), episodes=200, groups=12, seed=0)
