import numpy as np
import pytest
from tiny_task import Scripted

from cpruner.agent import Clipped, CrossEntropy, OnPolicy, Random, Uniform
from cpruner.cmdp import Agent, AgentSpec, Episode, Problem, Step, UpdateStats


def steps(costs: int = 2) -> list[Step]:
    """Three steps: rewards 0.5, -0.25, 1; the k-th cost of step t is t + 10 k."""
    return [
        Step(
            observation=np.array([t, 2.0 * t], dtype=np.float32),
            action=np.array([0.1 * t]),
            reward=reward,
            cost_K=np.array([t + 10 * k for k in range(costs)], dtype=np.int64),
            done=t == 2,
        )
        for t, reward in enumerate((0.5, -0.25, 1.0))
    ]


def test_an_episode_stacks_its_steps() -> None:
    episode = Episode.of(steps())
    np.testing.assert_array_equal(episode.observation_TO, [[0, 0], [1, 2], [2, 4]])
    np.testing.assert_allclose(episode.action_TA, [[0.0], [0.1], [0.2]])
    np.testing.assert_array_equal(episode.reward_T, [0.5, -0.25, 1.0])
    np.testing.assert_array_equal(episode.cost_TK, [[0, 10], [1, 11], [2, 12]])


def test_everything_in_an_episode_is_double_precision() -> None:
    episode = Episode.of(steps())
    arrays = (episode.observation_TO, episode.action_TA, episode.reward_T, episode.cost_TK)
    assert {array.dtype for array in arrays} == {np.dtype(np.float64)}


def test_totals_are_plain_sums() -> None:
    episode = Episode.of(steps())
    assert episode.total_reward == 1.25
    assert type(episode.total_reward) is float
    np.testing.assert_array_equal(episode.total_cost_K, [3.0, 33.0])


def test_without_constraints_the_costs_have_no_columns() -> None:
    episode = Episode.of(steps(costs=0))
    assert episode.cost_TK.shape == (3, 0)
    assert episode.total_cost_K.shape == (0,)


def test_an_episode_does_not_share_memory_with_its_steps() -> None:
    played = steps()
    episode = Episode.of(played)
    played[0].observation[:] = 99.0
    played[0].cost_K[:] = 99
    assert episode.observation_TO[0].tolist() == [0.0, 0.0]
    assert episode.cost_TK[0].tolist() == [0.0, 10.0]


def test_a_problem_may_have_no_constraints_and_stats_no_multipliers() -> None:
    problem = Problem(observation_size=2, action_size=1, horizon=3)
    assert (problem.constraints, problem.limits) == ((), ())
    assert (UpdateStats().multipliers, dict(UpdateStats().scalars)) == ((), {})


@pytest.mark.parametrize(
    "spec",
    [
        Random(),
        Uniform(),
        CrossEntropy(episodes_per_update=2),
        OnPolicy(episodes_per_update=2, update=Clipped(epochs=2)),
    ],
)
def test_every_agent_keeps_the_protocol(spec: AgentSpec) -> None:
    agent: Agent = spec.build(Problem(2, 1, 3, ("a", "b"), (1.0, 1.0)), seed=0)
    action = agent.act(np.zeros(2))
    assert action.shape == agent.act(np.zeros(2), deterministic=True).shape == (1,)
    state = agent.state_dict()
    stats = agent.update([Episode.of(steps())] * agent.episodes_per_update)
    assert len(stats.multipliers) in (0, 2)
    assert all(np.isfinite(value) for value in (*stats.multipliers, *stats.scalars.values()))
    agent.load_state_dict(state)
    assert agent.state_dict().keys() == state.keys()


def test_a_script_is_an_agent_too() -> None:
    agent: Agent = Scripted([0.25, 0.5])
    assert [agent.act(np.zeros(1)).tolist() for _ in range(3)] == [[0.25], [0.5], [0.25]]
