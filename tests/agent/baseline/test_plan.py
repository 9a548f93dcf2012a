import numpy as np
import pytest
from open_loop import PAIR, episode, missed, sequence

from cpruner.agent.baseline.plan import Plan
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import Allocation, ToyCMDP, check_agent


def told(agent, reward, cost=0.0):
    """Play an episode and tell what came of it; its actions."""
    actions = sequence(agent, 2)
    agent.update([episode(actions, reward, cost)])
    return actions


def test_plays_its_sequences_in_their_order():
    agent = Plan([[0.1, 0.2], [0.3], [0.5, 0.6]]).build(PAIR, seed=0)
    assert [told(agent, 0.0) for _ in range(3)] == [[0.1, 0.2], [0.3, 0.3], [0.5, 0.6]]
    assert told(agent, 0.0) not in [[0.1, 0.2], [0.3, 0.3], [0.5, 0.6]]


def test_says_how_many_are_left():
    agent, left = Plan([[0.1], [0.2]]).build(PAIR, seed=0), []
    for _ in range(3):
        sequence(agent, 2)
        left.append(agent.update([episode([0.1, 0.1])]).scalars["planned_left"])
    assert left == [1.0, 0.0, 0.0]


def test_one_number_for_all_components_of_an_action():
    agent = Plan([[0.1, 0.2]]).build(Problem(observation_size=1, action_size=3, horizon=2), seed=0)
    agent.begin()
    assert [agent.act(np.zeros(1)).tolist() for _ in range(2)] == [[0.1] * 3, [0.2] * 3]


@pytest.mark.parametrize(
    ("outcomes", "best"),
    [
        ([(1.0, 0.5), (2.0, 1.0), (9.0, 1.1)], 1),  # feasible, with the most reward
        ([(1.0, 1.5), (2.0, 1.2), (9.0, 1.3)], 1),  # none feasible: the least violation
    ],
)
def test_then_moves_the_best_one(outcomes, best):
    plans = [[0.1, 0.2], [0.4, 0.5], [0.7, 0.8]]
    agent = Plan(plans, components=1, step=0.01).build(PAIR, seed=0)
    for outcome in outcomes:
        told(agent, *outcome)
    assert sequence(agent, 2, deterministic=True) == plans[best]
    moves = np.array([sequence(agent, 2) for _ in range(200)]) - plans[best]
    assert ((moves != 0.0).sum(axis=1) == 1).all()
    assert moves[moves != 0.0].std() == pytest.approx(0.01, rel=0.15)


def test_a_better_move_is_where_to_go_on_from():
    agent = Plan([[0.5, 0.5]], step=0.1).build(PAIR, seed=0)
    told(agent, 1.0)
    told(agent, 0.5)
    assert sequence(agent, 2, deterministic=True) == [0.5, 0.5]
    better = told(agent, 2.0)
    assert sequence(agent, 2, deterministic=True) == better


def test_before_anything_is_known_deterministic_plays_the_first():
    agent = Plan([[0.1, 0.2], [0.3, 0.4]]).build(PAIR, seed=0)
    assert sequence(agent, 2, deterministic=True) == [0.1, 0.2]
    assert sequence(agent, 2) == [0.1, 0.2]


def test_without_an_update_the_plans_come_again():
    agent = Plan([[0.1], [0.2]]).build(PAIR, seed=0)
    assert [sequence(agent, 1)[0] for _ in range(4)] == [0.1, 0.2, 0.1, 0.2]


@pytest.mark.parametrize("actions", [[[]], [[0.5], []], [[0.5, 1.1]], [[-0.1]], [[float("nan")]]])
def test_refuses_what_is_no_sequence_of_ratios(actions):
    with pytest.raises(InputError, match=r"Plan\.actions: expected sequences of numbers"):
        Plan(actions)


def test_refuses_the_sequence_of_another_problem():
    with pytest.raises(InputError, match=r"expected 2 numbers in every sequence, or a single one, got 3"):
        Plan([[0.5], [0.1, 0.2, 0.3]]).build(PAIR, seed=0)


@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_a_good_feasible_sequence_is_found_from_a_uniform_one(toy):
    assert max(missed(Plan(), toy(), 200, seed) for seed in range(5)) < 0.02


@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_the_optimum_is_kept(toy):
    env = toy()
    planned = (0.9999 * env.solve().action_T).tolist()  # the solver is exact to 1e-8, feasibility is strict
    assert missed(Plan([planned]), env, 10, 0) < 1e-3


@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env):
    check_agent(Plan([[0.5], [0.2, 0.3, 0.4]]), env, env.problem, updates=3)


def test_without_sequences_it_plays_what_it_imitates():
    env = Allocation(groups=3)
    agent = Plan().build(env.problem, seed=0)
    assert play(env, agent).action_TA.tolist() == [[0.5], [0.5], [0.5]]
    shown = Episode(np.zeros((3, 1)), np.array([[0.2], [0.4], [0.9]]), np.zeros(3), np.zeros((3, 1)))
    agent.imitate([shown], 300, 0.1)
    assert play(env, agent).action_TA.tolist() == shown.action_TA.tolist()
    other = Plan().build(env.problem, seed=0)
    other.load_state_dict(agent.state_dict())
    assert play(env, other, deterministic=True).action_TA.tolist() == shown.action_TA.tolist()


def test_sequences_of_its_own_come_before_what_it_is_shown():
    env = Allocation(groups=2)
    agent = Plan(actions=[[0.3]]).build(env.problem, seed=0)
    agent.imitate([Episode(np.zeros((2, 1)), np.ones((2, 1)), np.zeros(2), np.zeros((2, 1)))], 1, 0.1)
    assert play(env, agent).action_TA.tolist() == [[0.3], [0.3]]
