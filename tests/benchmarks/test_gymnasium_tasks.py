import gymnasium
import numpy as np
import pytest
from gymnasium_tasks import TASKS, UnitAction, learned, make, play_all, score

NAMES = list(TASKS)


def agent_of(name, seed=0):
    return TASKS[name].spec.build(make(name)[1], seed)


def test_levels_are_the_actions_of_a_discrete_task():
    env = UnitAction(gymnasium.make("CartPole-v1"))
    assert [env.action(np.array([level])) for level in (0.0, 1.0, -3.0, 7.0)] == [0, 1, 0, 1]


def test_the_unit_interval_is_the_range_of_a_continuous_task():
    env = UnitAction(gymnasium.make("Pendulum-v1"))
    assert [env.action(np.array([share])).tolist() for share in (0.0, 0.5, 1.0, 2.0)] == [[-2.0], [0.0], [2.0], [2.0]]
    assert env.action(np.array([0.25])).dtype == np.float32


@pytest.mark.parametrize(("name", "horizon", "observation"), [("CartPole-v1", 500, 5), ("Pendulum-v1", 200, 4)])
def test_the_problem_is_that_of_the_task(name, horizon, observation):
    env, problem = make(name)
    assert (problem.observation_size, problem.action_size, problem.horizon) == (observation, 1, horizon)
    assert problem.constraints == problem.limits == ()
    assert env.reset(seed=0)[0].shape == (observation,)


def test_episodes_side_by_side_are_those_played_alone():
    agent, seeds = agent_of("CartPole-v1"), [1, 2, 3]
    together = play_all([make("CartPole-v1")[0] for _ in seeds], agent, seeds, unit=20.0, deterministic=True)
    assert len({len(episode.reward_T) for episode in together}) > 1
    for seed, episode in zip(seeds, together, strict=True):
        env, _ = make("CartPole-v1")
        seen, _ = env.reset(seed=seed)
        over, t = False, 0
        while not over:
            assert episode.observation_TO[t] == pytest.approx(seen)
            seen, reward, terminated, truncated, _ = env.step(agent.act(seen, deterministic=True))
            assert episode.reward_T[t] == reward / 20.0
            over, t = terminated or truncated, t + 1
        assert t == len(episode.reward_T)
        assert episode.cost_TK.shape == (t, 0)


@pytest.mark.parametrize("name", NAMES)
def test_an_update_learns_from_episodes_of_any_length(name):
    agent, steps = learned(name, 0, updates=1)
    fresh = agent_of(name).state_dict()["policy"]
    assert any((value != fresh[key]).any() for key, value in agent.state_dict()["policy"].items())
    assert steps >= TASKS[name].spec.episodes_per_update


@pytest.mark.slow
def test_cart_pole_is_solved():
    agent, _ = learned("CartPole-v1", 0)
    assert np.mean(score("CartPole-v1", agent)) >= 475.0
