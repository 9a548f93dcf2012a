import gymnasium
import numpy as np
import pytest
from tiny_course import lagrangian_gap, learned, median_gap

from cpruner.agent import PID, GradientAscent, NuPI, Random, SoftplusAdam
from cpruner.agent.off_policy import DQN
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import ToyCMDP, check_agent

QUICK = {"gradient_steps": 10}
SMALL = {"warmup": 1, "gradient_steps": 2, "batch": 8, "hidden": [8]}


@pytest.mark.slow
def test_without_constraints_the_reward_is_maximised():
    env = ToyCMDP.unconstrained()
    found = learned(DQN(**QUICK), env, episodes=100)
    assert found.action_T == pytest.approx(env.solve().action_T, abs=0.101)  # one level
    assert found.multiplier_K.shape == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_toy_is_solved_primal_and_dual(toy, seed):
    """Greedy levels jump with every multiplier: the limit is met on average, the last actions are near the optimum."""
    env = toy()
    solution = env.solve()
    found = learned(DQN(**QUICK), env, episodes=200, seed=seed)
    assert lagrangian_gap(env, solution, found.action_T) < 0.05
    assert found.multiplier_K == pytest.approx(solution.multiplier_K, abs=0.06)
    assert found.cost_K[0] == pytest.approx(env.limit_K[0], rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"multiplier": GradientAscent(lr=0.1)},
        {"multiplier": NuPI(ki=0.1)},
        {"credit": "episode", "gamma": 0.0},
        {"double": False},
        {"signal_unit": "pool"},
        {"scale_costs": False},
    ],
    ids=str,
)
def test_the_toy_is_solved_under_every_option(options):
    env = ToyCMDP.one()
    solution = env.solve()
    found = learned(DQN(**QUICK | options), env, episodes=200)
    assert lagrangian_gap(env, solution, found.action_T) < 0.08
    assert found.multiplier_K == pytest.approx(solution.multiplier_K, abs=0.08)


@pytest.mark.slow
def test_without_multipliers_the_limit_is_exceeded():
    env = ToyCMDP.one()
    found = learned(DQN(**QUICK, multiplier=PID(cap=0.0)), env, episodes=100)
    assert found.multiplier_K.tolist() == [0.0]
    assert found.action_T == pytest.approx(env.gain_T, abs=0.201)
    assert env.weight_TK[:, 0] @ found.action_T > 1.2 * env.limit_K[0]


@pytest.mark.slow
def test_defaults_beat_random_in_200_episodes():
    assert median_gap(DQN(), episodes=200, seed=0) < 0.8 * median_gap(Random(), episodes=200, seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"warmup": 0},
        {"warmup": 3, "double": False},
        {"episodes_per_update": 3, "multiplier": NuPI()},
        {"credit": "episode", "gamma": 0.0, "multiplier": GradientAscent()},
        {"signal_unit": "pool", "baseline": 0.5, "multiplier": SoftplusAdam()},
        {"signal_unit": "one", "normalise_observations": False, "scale_costs": False, "hidden": []},
        {"capacity": 1, "initial_epsilon": 0.0, "epsilon_floor": 0.0, "levels": 2, "lowest": 0.5},
    ],
    ids=str,
)
def test_contract_under_every_option(options):
    env = ToyCMDP.two()
    check_agent(DQN(**SMALL | options), env, env.problem)


def test_the_warm_up_draws_all_levels_alike():
    env = ToyCMDP.one()
    agent = DQN(**SMALL | {"warmup": 1000}, levels=4, lowest=0.1).build(env.problem, seed=0)
    action_N = np.concatenate([play(env, agent).action_TA[:, 0] for _ in range(500)])
    level_N, count_N = np.unique(action_N, return_counts=True)
    assert level_N == pytest.approx([0.1, 0.4, 0.7, 1.0])
    assert count_N / len(action_N) == pytest.approx([0.25] * 4, abs=0.04)


def test_without_exploration_nothing_is_drawn():
    env = ToyCMDP.one()
    agent = DQN().build(env.problem, seed=0)
    before = agent.state_dict()["generator"]
    first = play(env, agent, deterministic=True).action_TA
    assert first.dtype == np.float64
    assert np.array_equal(first, play(env, agent, deterministic=True).action_TA)
    assert before.equal(agent.state_dict()["generator"])


def test_exploration_shrinks_from_the_end_of_the_warm_up_on():
    env = ToyCMDP.one()
    options = {"initial_epsilon": 0.4, "epsilon_decay": 0.5, "epsilon_floor": 0.15}
    agent = DQN(**SMALL | {"warmup": 2}, **options).build(env.problem, seed=0)
    assert [agent.update([play(env, agent)]).scalars["epsilon"] for _ in range(4)] == [1.0, 0.4, 0.2, 0.15]


class Delayed(gymnasium.Env):
    """Two steps. A small first action costs 0.4 at once; a large one earns 0.3 and makes the second step pay nothing.

    Later rewards decide: 0.0 - 0.4 + 1 beats 0.3, though the first step alone says otherwise.
    """

    problem = Problem(2, 1, 2)

    def reset(self, *, seed=None, options=None):
        self._first = None
        return np.array([1.0, 0.0]), {}

    def step(self, action):
        if self._first is None:
            self._first = float(action[0])
            return np.array([0.0, self._first]), 0.3 if self._first > 0.5 else -0.4, False, False, {}
        return np.zeros(2), 1.0 if self._first <= 0.5 else 0.0, True, False, {}


@pytest.mark.parametrize(("gamma", "patient"), [(1.0, True), (0.0, False)])
def test_values_look_as_far_ahead_as_the_discount_lets_them(gamma, patient):
    env = Delayed()
    agent = DQN(gamma=gamma, levels=2, lowest=0.0, gradient_steps=20, warmup=10).build(env.problem, seed=0)
    for _ in range(25):
        agent.update([play(env, agent)])
    assert play(env, agent, deterministic=True).action_TA[0, 0] == (0.0 if patient else 1.0)


def test_a_higher_price_is_felt_at_once():
    """Values of reward and cost are apart: only the multiplier is changed, and cheaper levels are best."""
    env = ToyCMDP.one()
    agent = DQN(**QUICK, multiplier=PID(cap=0.0), credit="step", gamma=0.0).build(env.problem, seed=0)
    for _ in range(40):
        agent.update([play(env, agent)])
    free_T = play(env, agent, deterministic=True).action_TA
    priced = DQN(**QUICK, multiplier=GradientAscent(init=20.0), gamma=0.0).build(env.problem, seed=0)
    state = agent.state_dict()
    state["memory"]["prices"]["rule"] = priced.state_dict()["memory"]["prices"]["rule"]
    priced.load_state_dict(state)
    assert play(env, priced, deterministic=True).action_TA.sum() < 0.5 * free_T.sum()


@pytest.mark.integration
def test_stored_episodes_teach_a_new_run():
    """After one episode of its own, an agent with a history earns more than one without."""
    env = ToyCMDP.unconstrained()
    random = Random().build(env.problem, seed=0)
    history = [play(env, random) for _ in range(39)]
    rewards = []
    for given in ([], history):
        agent = DQN(warmup=0, gradient_steps=20).build(env.problem, seed=0)
        agent.fill(given)
        agent.update([play(env, agent)])
        rewards.append(play(env, agent, deterministic=True).total_reward)
    assert rewards[0] < env.solve().reward - 0.05 < rewards[1]


def test_a_history_of_another_problem_is_refused():
    agent = DQN().build(Problem(3, 1, 3), seed=0)
    with pytest.raises(InputError, match="observation_BO of an episode"):
        agent.fill([Episode(np.zeros((3, 4)), np.zeros((3, 1)), np.zeros(3), np.zeros((3, 0)))])


def test_statistics_tell_of_learning_after_the_warm_up_only():
    env = ToyCMDP.one()
    agent = DQN(**SMALL | {"warmup": 2}).build(env.problem, seed=0)
    first, second = (agent.update([play(env, agent)]) for _ in range(2))
    assert "critic/loss" not in first.scalars
    assert second.scalars["critic/loss"] > 0.0
    assert {"reward", "violation/cost0", "saturated/cost0", "epsilon"} <= second.scalars.keys()
    assert first.multipliers == (0.0,)
    assert second.multipliers[0] > 0.0


def test_what_was_executed_is_learned_from():
    class Halving(gymnasium.Env):
        """Executes half of every action, and says so."""

        problem = Problem(1, 1, 1)

        def reset(self, *, seed=None, options=None):
            return np.zeros(1), {}

        def step(self, action):
            return np.zeros(1), float(action[0] / 2), True, False, {"action": action / 2}

    env = Halving()
    agent = DQN(**SMALL | {"warmup": 5}).build(env.problem, seed=0)
    for _ in range(5):
        agent.update([play(env, agent)])
    replay = agent.state_dict()["memory"]["replay"]
    assert replay["action_BA"].tolist() == replay["signal_BV"].tolist()


@pytest.mark.slow
def test_every_component_has_levels_of_its_own():
    class Two(gymnasium.Env):
        """The nearer to (0.25, 0.75), the better."""

        problem = Problem(1, 2, 1)

        def reset(self, *, seed=None, options=None):
            return np.zeros(1), {}

        def step(self, action):
            return np.zeros(1), -float(np.square(action - np.array([0.25, 0.75])).sum()), True, False, {}

    agent, env = DQN(**QUICK, levels=5, lowest=0.0).build(Two.problem, seed=0), Two()
    for _ in range(80):
        agent.update([play(env, agent)])
    assert play(env, agent, deterministic=True).action_TA[0].tolist() == [0.25, 0.75]


def test_an_update_needs_an_episode():
    with pytest.raises(InputError, match="episodes: expected at least one"):
        DQN().build(Problem(1, 1, 1), seed=0).update([])
