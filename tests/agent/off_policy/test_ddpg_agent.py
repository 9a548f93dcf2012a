import gymnasium
import numpy as np
import pytest
from scipy.stats import kstest
from tiny_course import lagrangian_gap, learned, median_gap

from cpruner.agent import PID, GradientAscent, NuPI, Random, SoftplusAdam
from cpruner.agent.off_policy import DDPG
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import ToyCMDP, check_agent

QUICK = {"gradient_steps": 10}
SMALL = {"warmup": 1, "gradient_steps": 2, "batch": 8, "hidden": [8]}


@pytest.mark.slow
def test_without_constraints_the_reward_is_maximised():
    env = ToyCMDP.unconstrained()
    found = learned(DDPG(**QUICK), env, episodes=100)
    assert found.action_T == pytest.approx(env.solve().action_T, abs=0.12)
    assert found.multiplier_K.shape == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_toy_is_solved_primal_and_dual(toy, seed):
    env = toy()
    solution = env.solve()
    found = learned(DDPG(**QUICK), env, episodes=200, seed=seed)
    assert lagrangian_gap(env, solution, found.action_T) < 0.03
    assert found.action_T == pytest.approx(solution.action_T, abs=0.15)
    assert found.multiplier_K == pytest.approx(solution.multiplier_K, abs=0.06)
    assert found.cost_K[0] == pytest.approx(env.limit_K[0], rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"multiplier": GradientAscent(lr=0.1)},
        {"multiplier": NuPI(ki=0.1)},
        {"credit": "step", "gamma": 1.0, "tau": 0.1},
        {"signal_unit": "pool"},
        {"scale_costs": False},
        {"normalise_observations": False},
        {"episodes_per_update": 5, "multiplier": PID()},
    ],
    ids=str,
)
def test_the_toy_is_solved_under_every_option(options):
    env = ToyCMDP.one()
    solution = env.solve()
    found = learned(DDPG(**QUICK | options), env, episodes=200)
    assert lagrangian_gap(env, solution, found.action_T) < 0.04
    assert found.multiplier_K == pytest.approx(solution.multiplier_K, abs=0.08)


@pytest.mark.slow
def test_without_multipliers_the_limit_is_exceeded():
    env = ToyCMDP.one()
    found = learned(DDPG(**QUICK, multiplier=PID(cap=0.0)), env, episodes=100)
    assert found.multiplier_K.tolist() == [0.0]
    assert found.action_T == pytest.approx(env.gain_T, abs=0.15)
    assert env.weight_TK[:, 0] @ found.action_T > 1.2 * env.limit_K[0]


@pytest.mark.slow
def test_defaults_beat_random_in_200_episodes():
    assert median_gap(DDPG(), episodes=200, seed=0) < 0.5 * median_gap(Random(), episodes=200, seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"warmup": 0},
        {"warmup": 3},
        {"episodes_per_update": 3, "multiplier": NuPI()},
        {"credit": "step", "gamma": 0.9, "multiplier": GradientAscent()},
        {"signal_unit": "pool", "baseline": 0.5, "multiplier": SoftplusAdam()},
        {"signal_unit": "one", "normalise_observations": False, "scale_costs": False},
        {"capacity": 1, "initial_std": 0.0, "std_floor": 0.0},
    ],
    ids=str,
)
def test_contract_under_every_option(options):
    env = ToyCMDP.two()
    check_agent(DDPG(**SMALL | options), env, env.problem)


def test_the_warm_up_is_uniformly_random():
    env = ToyCMDP.one()
    agent = DDPG(**SMALL | {"warmup": 100}).build(env.problem, seed=0)
    action_N = np.concatenate([play(env, agent).action_TA[:, 0] for _ in range(100)])
    assert kstest(action_N, "uniform").pvalue > 0.001


def test_without_exploration_the_first_actions_are_near_the_middle_and_nothing_is_drawn():
    env = ToyCMDP.one()
    agent = DDPG().build(env.problem, seed=0)
    before = agent.state_dict()["generator"]
    first = play(env, agent, deterministic=True).action_TA
    assert first[:, 0] == pytest.approx([0.5] * 4, abs=0.02)
    assert np.array_equal(first, play(env, agent, deterministic=True).action_TA)
    assert before.equal(agent.state_dict()["generator"])


def test_noise_shrinks_from_the_end_of_the_warm_up_on():
    env = ToyCMDP.one()
    agent = DDPG(**SMALL | {"warmup": 2}, initial_std=0.4, std_decay=0.5, std_floor=0.15).build(env.problem, seed=0)
    assert [agent.update([play(env, agent)]).scalars["std"] for _ in range(4)] == [0.4, 0.4, 0.2, 0.15]


def test_statistics_tell_of_learning_after_the_warm_up_only():
    env = ToyCMDP.one()
    agent = DDPG(**SMALL | {"warmup": 2}).build(env.problem, seed=0)
    first, second = (agent.update([play(env, agent)]) for _ in range(2))
    assert "critic/loss" not in first.scalars
    assert second.scalars["critic/loss"] > 0.0
    assert {"reward", "violation/cost0", "saturated/cost0", "std", "critic/lagrangian"} <= second.scalars.keys()
    assert first.multipliers == (0.0,)
    assert second.multipliers[0] > 0.0


@pytest.mark.integration
def test_stored_episodes_teach_a_new_run():
    """After one episode of its own, an agent with a history acts nearer to the optimum than one without."""
    env = ToyCMDP.unconstrained()
    random = Random().build(env.problem, seed=0)
    history = [play(env, random) for _ in range(39)]
    distances = []
    for given in ([], history):
        agent = DDPG(warmup=0, gradient_steps=20).build(env.problem, seed=0)
        agent.fill(given)
        agent.update([play(env, agent)])
        action_T = play(env, agent, deterministic=True).action_TA[:, 0]
        distances.append(np.abs(action_T - env.solve().action_T).max())
    assert distances[1] < 0.12 < distances[0]


def test_a_history_of_another_problem_is_refused():
    agent = DDPG().build(Problem(3, 1, 3), seed=0)
    with pytest.raises(InputError, match="observation_BO of an episode"):
        agent.fill([Episode(np.zeros((3, 4)), np.zeros((3, 1)), np.zeros(3), np.zeros((3, 0)))])


class Halving(gymnasium.Env):
    """Executes half of every action, and says so."""

    problem = Problem(1, 1, 1)

    def reset(self, *, seed=None, options=None):
        return np.zeros(1), {}

    def step(self, action):
        return np.zeros(1), float(action[0] / 2), True, False, {"cost": np.zeros(0), "action": action / 2}


def test_what_was_executed_is_learned_from():
    env = Halving()
    agent = DDPG(**SMALL | {"warmup": 5}).build(env.problem, seed=0)
    for _ in range(5):
        agent.update([play(env, agent)])
    replay = agent.state_dict()["memory"]["replay"]
    assert replay["action_BA"].tolist() == replay["signal_BV"].tolist()


@pytest.mark.slow
def test_actions_of_several_components_are_learned():
    class Two(gymnasium.Env):
        """The nearer to (0.2, 0.8), the better."""

        problem = Problem(1, 2, 1)

        def reset(self, *, seed=None, options=None):
            return np.zeros(1), {}

        def step(self, action):
            return np.zeros(1), -float(np.square(action - np.array([0.2, 0.8])).sum()), True, False, {}

    agent, env = DDPG(**QUICK).build(Two.problem, seed=0), Two()
    for _ in range(120):
        agent.update([play(env, agent)])
    assert play(env, agent, deterministic=True).action_TA[0] == pytest.approx([0.2, 0.8], abs=0.1)


def test_an_update_needs_an_episode():
    with pytest.raises(InputError, match="episodes: expected at least one"):
        DDPG().build(Problem(1, 1, 1), seed=0).update([])
