import numpy as np
import pytest

from cpruner.agent import (
    PID,
    Attention,
    Bernoulli,
    Beta,
    Categorical,
    Clipped,
    Gaussian,
    GradientAscent,
    NuPI,
    OnPolicy,
    Perceptron,
    Recurrent,
    SoftplusAdam,
    Squashed,
    Table,
)
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import Allocation, ToyCMDP, check_agent

NARROW = {"initial_std": 0.1, "std_decay": 0.95}
STEPS = Clipped(epochs=15, lr=0.002)
QUICK = {"update": STEPS, "policy": Gaussian(**NARROW), "multiplier": PID(ki=0.25), "episodes_per_update": 10}
ONCE = Clipped(epochs=1)


def learn(spec, env, updates, seed=0):
    """Final mean actions, multipliers averaged over the last updates, and the agent."""
    agent = spec.build(env.problem, seed)
    env.reset(seed=seed)
    multiplier_UK = [
        agent.update([play(env, agent) for _ in range(agent.episodes_per_update)]).multipliers for _ in range(updates)
    ]
    return play(env, agent, deterministic=True).action_TA[:, 0], np.mean(multiplier_UK[-10:], axis=0), agent


@pytest.mark.integration
@pytest.mark.parametrize(
    ("toy", "multiplier"),
    [
        (ToyCMDP.two, PID(ki=0.25)),
        pytest.param(ToyCMDP.two, GradientAscent(), marks=pytest.mark.slow),
        pytest.param(ToyCMDP.two, NuPI(), marks=pytest.mark.slow),
        pytest.param(ToyCMDP.one, PID(ki=0.25), marks=pytest.mark.slow),
        pytest.param(ToyCMDP.one, GradientAscent(), marks=pytest.mark.slow),
        pytest.param(ToyCMDP.one, NuPI(), marks=pytest.mark.slow),
    ],
)
def test_toy_is_solved_primal_and_dual(toy, multiplier):
    env = toy()
    solution = env.solve()
    action_T, multiplier_K, _ = learn(OnPolicy(**QUICK | {"multiplier": multiplier}), env, updates=40)
    assert action_T == pytest.approx(solution.action_T, abs=0.06)
    assert multiplier_K == pytest.approx(solution.multiplier_K, abs=0.03)


@pytest.mark.integration
def test_without_multiplier_the_toy_is_violated():
    env = ToyCMDP.one()
    action_T, multiplier_K, _ = learn(OnPolicy(**QUICK | {"multiplier": PID(cap=0.0)}), env, updates=20)
    assert multiplier_K.tolist() == [0.0]
    assert action_T == pytest.approx(env.gain_T, abs=0.06)
    assert env.weight_TK[:, 0] @ action_T > 1.2 * env.limit_K[0]


def test_without_constraints_the_reward_is_maximised():
    env = ToyCMDP.unconstrained()
    action_T, multiplier_K, _ = learn(OnPolicy(**QUICK), env, updates=20)
    assert action_T == pytest.approx(env.solve().action_T, abs=0.06)
    assert multiplier_K.shape == (0,)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"baseline": "critic", "critic_epochs": 15}, marks=pytest.mark.slow),
        pytest.param({"scale_costs": False}, marks=pytest.mark.slow),
        pytest.param({"multiplier_unit": "pool"}, marks=pytest.mark.slow),
        pytest.param(
            {"multiplier_unit": "one", "multiplier": GradientAscent(lr=0.2, init=0.0)}, marks=pytest.mark.slow
        ),
        pytest.param({"reuse": 1}, marks=pytest.mark.slow),
        pytest.param({"penalty": "reward"}, marks=pytest.mark.slow),
        pytest.param({"policy": Squashed(initial_std=0.4, std_decay=0.95)}, marks=pytest.mark.slow),
        pytest.param({"policy": Beta(**NARROW), "update": Clipped(epochs=15, lr=0.004)}, marks=pytest.mark.slow),
        pytest.param({"policy": Gaussian(initial_std=0.1, learn_std=True, std_decay=1.0)}, marks=pytest.mark.slow),
        pytest.param({"normalise_observations": False}, marks=pytest.mark.slow),
        pytest.param({"encoder": Recurrent()}, marks=pytest.mark.slow),
        pytest.param({"encoder": Attention()}, marks=pytest.mark.slow),
        pytest.param({"encoder": Table(), "update": Clipped(epochs=15, lr=0.02)}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_the_toy_is_solved_under_every_option(options):
    env = ToyCMDP.one()
    action_T, multiplier_K, _ = learn(OnPolicy(**QUICK | options), env, updates=30)
    assert action_T == pytest.approx(env.solve().action_T, abs=0.1)
    assert multiplier_K == pytest.approx([0.2], abs=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"baseline": "critic"},
        {"baseline": "critic", "penalty": "reward", "encoder": Recurrent(width=4)},
        {"policy": Gaussian(learn_std=True), "update": Clipped(epochs=3, entropy=0.01)},
        {"multiplier": GradientAscent(), "reuse": 1},
        {"multiplier": NuPI(), "cost_advantage": "centred"},
        {"multiplier": SoftplusAdam(), "update": Clipped(epochs=3, clip_costs=False)},
        {"encoder": Perceptron(hidden=[])},
        {"encoder": Attention(width=4, heads=2)},
        {"encoder": Table(), "policy": Bernoulli()},
        {"policy": Beta()},
        {"policy": Categorical(levels=5)},
        {"policy": Squashed()},
    ],
    ids=str,
)
def test_contract_under_every_option(options):
    env = ToyCMDP.two()
    check_agent(OnPolicy(**{"update": Clipped(epochs=3), **options}), env, env.problem)


def test_first_actions_are_near_the_initial_mean():
    env = Allocation(groups=4)
    agent = OnPolicy(policy=Gaussian(initial_mean=0.6)).build(env.problem, seed=0)
    assert play(env, agent, deterministic=True).action_TA[:, 0] == pytest.approx([0.6] * 4, abs=0.02)


def test_std_follows_its_schedule_to_the_floor():
    env = ToyCMDP.one()
    _, _, agent = learn(
        OnPolicy(update=ONCE, policy=Gaussian(initial_std=0.2, std_decay=0.5, std_floor=0.03)), env, updates=1
    )
    stats = agent.update([play(env, agent), play(env, agent)])
    assert stats.scalars["std"] == pytest.approx(0.05)
    assert agent.update([play(env, agent)]).scalars["std"] == pytest.approx(0.03)


def test_statistics_name_violations_and_report_problem_units():
    problem = Problem(1, 1, 1, ("flops", "latency"), (2.0, 10.0))
    agent = OnPolicy(multiplier=GradientAscent(lr=0.5, init=1.0), update=ONCE).build(problem, seed=0)
    episodes = [
        Episode(np.zeros((1, 1)), np.array([[0.5]]), np.array([reward]), np.array([[flops, latency]]))
        for reward, flops, latency in [(1.0, 2.0, 6.0), (3.0, 4.0, 6.0)]
    ]
    stats = agent.update(episodes)
    assert stats.scalars["violation/flops"] == pytest.approx(0.5)
    assert stats.scalars["violation/latency"] == pytest.approx(-0.4)
    assert stats.scalars["reward"] == 2.0
    # flops: lambda 1 + 0.5 * 0.5 in units of 1 (std of reward) over 0.5 (std of flops / 2), per limit of 2;
    # latency: lambda 1 - 0.5 * 0.4, unit unknown as the cost did not vary, per limit of 10
    assert stats.multipliers == pytest.approx((1.25 * 2.0 / 2.0, 0.8 / 10.0))


def test_a_critic_reports_how_well_it_explains():
    env = ToyCMDP.one()
    agent = OnPolicy(baseline="critic", update=ONCE).build(env.problem, seed=0)
    for _ in range(5):
        stats = agent.update([play(env, agent) for _ in range(5)])
    assert stats.scalars["critic/explained_variance"] > 0.5
    assert stats.scalars["critic/loss"] < 0.1


def test_episodes_of_different_length_are_learned_from():
    problem = Problem(1, 1, 3)
    agent = OnPolicy(update=Clipped(epochs=2)).build(problem, seed=0)
    episodes = [
        Episode(np.zeros((steps, 1)), np.full((steps, 1), 0.5), np.ones(steps), np.zeros((steps, 0)))
        for steps in (1, 3, 2)
    ]
    assert agent.update(episodes).scalars["reward"] == 2.0


def test_an_update_needs_an_episode():
    with pytest.raises(InputError, match="episodes: expected at least one"):
        OnPolicy().build(Problem(1, 1, 1), seed=0).update([])


def test_acting_sees_the_episode_so_far_and_begin_forgets_it():
    agent = OnPolicy(encoder=Recurrent(width=4)).build(Problem(2, 1, 4), seed=0)
    seen = np.random.default_rng(0).normal(size=(3, 2))

    def actions():
        agent.begin()
        return [float(agent.act(row, deterministic=True)[0]) for row in seen]

    first = actions()
    assert actions() == first
    agent.begin()
    assert float(agent.act(seen[2], deterministic=True)[0]) != first[2]


def test_a_priced_reward_leaves_no_costs_of_their_own():
    """Reward minus lambda times cost is the signal; the advantage is that of its return against the others'."""
    problem = Problem(1, 1, 1, ("flops",), (2.0,))
    agent = OnPolicy(penalty="reward", multiplier=GradientAscent(lr=0.0, init=3.0), multiplier_unit="one").build(
        problem, seed=0
    )
    played = agent._played([
        Episode(np.zeros((1, 1)), np.array([[0.5]]), np.array([reward]), np.array([[cost]]))
        for reward, cost in [(1.0, 2.0), (3.0, 4.0)]
    ])  # fmt: skip
    batch, _ = agent._batch(played, np.zeros(1), np.array([3.0]), np.ones(1))
    # 1 - 3 * 1 = -2 against 3 - 3 * 2 = -3
    assert batch.reward_B.tolist() == [1.0, -1.0]
    assert batch.price_K.tolist() == [0.0]
    assert batch.lagrangian_B.tolist() == [1.0, -1.0]


@pytest.mark.parametrize(("scaling", "price"), [("scaled", 0.6), ("centred", 1.2)])
def test_prices_by_hand(scaling, price):
    """lambda 0.6 in units of 2 (reward per scaled cost); the reward's advantages deviate by 2."""
    problem = Problem(1, 1, 1, ("flops",), (1.0,))
    agent = OnPolicy(cost_advantage=scaling).build(problem, seed=0)
    played = agent._played([
        Episode(np.zeros((1, 1)), np.array([[0.5]]), np.array([reward]), np.array([[cost]]))
        for reward, cost in [(1.0, 2.0), (3.0, 4.0)]
    ])  # fmt: skip
    batch, _ = agent._batch(played, np.zeros(1), np.array([0.6]), np.array([2.0]))
    assert batch.price_K.tolist() == pytest.approx([price])
    assert batch.cost_BK.tolist() == [[-2.0], [2.0]]
    assert batch.length == 1.0


def test_what_is_held_at_its_cap_is_reported():
    env = ToyCMDP.two()
    env.reset(seed=0)
    tight, loose = (OnPolicy(**QUICK | {"multiplier": PID(cap=cap)}) for cap in (1e-3, 1e6))
    for spec, held in ((tight, 1.0), (loose, 0.0)):
        agent = spec.build(env.problem, 0)
        stats = agent.update([play(env, agent) for _ in range(10)])
        violated = [name for name in env.problem.constraints if stats.scalars[f"violation/{name}"] > 0.0]
        assert violated
        assert [stats.scalars[f"saturated/{name}"] for name in violated] == [held] * len(violated)
