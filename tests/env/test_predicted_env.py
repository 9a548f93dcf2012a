from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import env

from cpruner.constraint import Budget, External
from cpruner.env import PredictedEnv, PruningEnv, PruningProblem
from cpruner.env.share import spread
from cpruner.errors import InputError

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
    posed = env(problem=PruningProblem(feasibility=feasibility, reward="accuracy"))
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


@cache
def cached(problem: PruningProblem) -> PruningEnv:
    return env(problem=problem)


def episode(posed: PruningEnv, row: list[float], share: float) -> tuple[list[Array], list[float], Array]:
    """Observations, rewards and last costs of one episode of the environment."""
    observations, rewards = [posed.reset(options={"share": share})[0]], []
    for action in row:
        observation, reward, _, _, info = posed.step(np.array([action]))
        observations.append(observation)
        rewards.append(reward)
    return observations, rewards, info["cost"]


@pytest.mark.integration
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.floats(-0.2, 1.2), min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["soft", "scaled", "clipped", "projected", "repaired"]),
    st.sampled_from(["ratio", "levels"]),
    st.sampled_from(["end", "every"]),
    st.sampled_from([1.0, 0.45]),
    st.sampled_from(["proposal", "judged"]),
)
def test_whatever_the_options_every_episode_is_that_of_the_environment(
    actions: list[list[float]], feasibility: str, action: str, pays: str, tightest: float, charged: str
) -> None:
    options = {"feasibility": feasibility, "action": action, "pays": pays, "charged": charged}
    posed = cached(PruningProblem(reward="accuracy", tightest=tightest, **options))
    many = PredictedEnv(posed, score)
    seen = [many.reset(len(actions))]
    steps = [many.step(np.array(actions)[:, step : step + 1]) for step in range(3)]
    seen += [observation_NO for observation_NO, *_ in steps]
    for n, (row, share) in enumerate(zip(actions, spread(tightest, len(actions)), strict=True)):
        observations, rewards, cost_K = episode(posed, row, float(share))
        np.testing.assert_allclose([observation_NO[n] for observation_NO in seen], observations)
        np.testing.assert_allclose([reward_N[n] for _, reward_N, *_ in steps], rewards, atol=1e-12)
        np.testing.assert_allclose(steps[-1][2][n], cost_K)


def test_masks_are_refused() -> None:
    with pytest.raises(InputError, match=r"PruningProblem\.action: expected ratio or levels, got 'mask'"):
        PredictedEnv(env(problem=PruningProblem(action="mask")), score)


def test_a_single_episode_has_the_whole_limits() -> None:
    drawn = env(problem=PruningProblem(tightest=0.5))
    np.testing.assert_array_equal(PredictedEnv(drawn, score).reset(1)[0], drawn.observer.observe([], 1.0))


def test_budgets_that_must_be_measured_are_taken_as_flops_and_nothing_is_measured() -> None:
    asked: list[int] = []
    energy = Budget(External(lambda network, inputs: asked.append(1) or 10.0, name="energy"), 5.0)
    posed = env((energy,), PruningProblem(feasibility="repaired"))
    asked.clear()
    widths: list[list[int]] = []
    many = PredictedEnv(posed, lambda width_NG: widths.extend(width_NG.tolist()) or np.zeros(len(width_NG)))
    many.reset(1)
    for _ in range(3):
        many.step(np.ones((1, 1)))
    assert asked == []
    assert posed.space.algebra.counts(widths[0]).flops <= 15136 / 2
