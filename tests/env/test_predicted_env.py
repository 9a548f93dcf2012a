import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import env

from cpruner.env import PredictedEnv, PruningProblem

Array = NDArray[np.float64]


def score(width_NG: NDArray[np.int64]) -> Array:
    """The tiny task's own score: kept channels, weighted."""
    return np.asarray((width_NG * [1.0, 2.0, 3.0]).sum(axis=1) / 40)


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.floats(-0.2, 1.2), min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["soft", "scaled"]),
)
def test_every_episode_is_that_of_the_environment(actions: list[list[float]], feasibility: str) -> None:
    """Observations, costs, and the reward where the prediction is right, whatever the other episodes do."""
    posed = env(problem=PruningProblem(feasibility=feasibility))
    many = PredictedEnv(posed, score)
    seen_NO = many.reset(len(actions))
    single = []
    for row in actions:
        observations, last = [posed.reset()[0]], (0.0, np.zeros(2))
        for action in row:
            observation, reward, _, _, info = posed.step(np.array([action]))
            observations.append(observation)
            last = (reward, info["cost"])
        single.append((observations, last))
    for step in range(3):
        np.testing.assert_allclose(seen_NO, [found[0][step] for found in single])
        seen_NO, reward_N, cost_NK, done = many.step(np.array(actions)[:, step : step + 1])
        assert done is (step == 2)
        if not done:
            assert not reward_N.any()
            assert not cost_NK.any()
    np.testing.assert_allclose(seen_NO, [found[0][3] for found in single])
    np.testing.assert_allclose(reward_N, [found[1][0] for found in single])
    np.testing.assert_allclose(cost_NK, [found[1][1] for found in single])


def test_it_poses_the_same_problem_and_begins_anew() -> None:
    posed = env()
    many = PredictedEnv(posed, score)
    assert many.problem == posed.problem
    first = many.reset(2)
    many.step(np.full((2, 1), 0.5))
    assert many.reset(3).shape == (3, posed.problem.observation_size)
    np.testing.assert_array_equal(many.reset(2), first)


def test_no_network_is_judged() -> None:
    posed = env()
    many = PredictedEnv(posed, score)
    many.reset(5)
    for _ in range(3):
        many.step(np.full((5, 1), 0.6))
    assert len(posed.judge.memo) == 0


@pytest.mark.parametrize("feasibility", ["soft", "scaled"])
def test_what_is_predicted_is_what_would_be_judged(feasibility: str) -> None:
    asked: list[Array] = []

    def predict(width_NG: NDArray[np.int64]) -> Array:
        asked.append(width_NG)
        return np.zeros(len(width_NG))

    posed = env(problem=PruningProblem(feasibility=feasibility))
    many = PredictedEnv(posed, predict)
    many.reset(1)
    for action in (0.9, 0.4, 0.7):
        many.step(np.array([[action]]))
    assert asked[0].tolist() == [list(posed.space.at(posed.keep_ratios([0.9, 0.4, 0.7])).widths)]
