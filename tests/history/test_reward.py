import math

import numpy as np
import pytest
from tiny_task import env

from cpruner.env import PruningProblem
from cpruner.evaluate import REWARDS, Score, worth
from cpruner.history.reward import carried


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("score", [Score(0.75, 0.5, 4, 0.25), Score(0.1, math.inf, 4, 1e9)])
def test_it_is_what_the_environment_pays(reward: str, score: Score) -> None:
    posed = env(problem=PruningProblem(reward=reward), score=lambda network: score)
    posed.reset()
    for _ in range(3):
        _, value, *_ = posed.step(np.array([0.5]))
    assert worth(score, reward) == value


def test_what_was_not_measured_is_not_known() -> None:
    assert worth(Score(0.75, 0.5, 4), "divergence") is None
    assert carried(Score(0.75, 0.5, 4), Score(1.0, 0.0, 4), Score(1.0, 0.0, 4), "divergence") is None


@pytest.mark.parametrize(("reward", "expected"), [("accuracy", 0.65), ("loss", -0.7), ("divergence", -0.25)])
def test_what_was_lost_there_is_lost_here(reward: str, expected: float) -> None:
    """0.15 of the accuracy and 0.3 nats; a divergence is from the own dense network already."""
    there, dense, here = Score(0.75, 0.5, 4, 0.25), Score(0.9, 0.2, 4), Score(0.8, 0.4, 9)
    assert carried(there, dense, here, reward) == pytest.approx(expected)


@pytest.mark.parametrize("reward", ["accuracy", "loss"])
def test_on_the_same_network_nothing_changes(reward: str) -> None:
    score, dense = Score(0.75, 0.5, 4), Score(0.9, 0.2, 4)
    assert carried(score, dense, dense, reward) == pytest.approx(worth(score, reward))
