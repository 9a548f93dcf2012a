import numpy as np
import pytest
import torch

from cpruner.agent.off_policy.replay import Replay, Transitions
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError

PROBLEM = Problem(2, 1, 3, ("flops",), (1.0,))


def episode(steps, mark):
    """Reward mark at every step, cost 0.5 at every step."""
    return Episode(
        observation_TO=np.full((steps, 2), float(mark)) + np.arange(steps)[:, None] / 10,
        action_TA=np.full((steps, 1), 0.5),
        reward_T=np.full(steps, float(mark)),
        cost_TK=np.full((steps, 1), 0.5),
    )


def marks(replay):
    return replay.observation_BO[:, 0].floor().tolist()


def test_an_episode_becomes_transitions():
    steps = Transitions.of(
        Episode(
            observation_TO=np.array([[1.0, 2.0], [3.0, 4.0]]),
            action_TA=np.array([[-0.5], [1.5]]),
            reward_T=np.array([10.0, 20.0]),
            cost_TK=np.array([[0.1], [0.3]]),
        )
    )
    assert steps.observation_BO.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert steps.next_BO.tolist() == [[3.0, 4.0], [0.0, 0.0]]
    assert steps.action_BA.tolist() == [[0.0], [1.0]]
    assert steps.signal_BV.tolist() == [[10.0, 0.1], [20.0, 0.3]]
    assert steps.total_BV.tolist() == [[30.0, pytest.approx(0.4)]] * 2
    assert steps.done_B.tolist() == [False, True]


def test_whole_episodes_go_oldest_first():
    replay = Replay(PROBLEM, capacity=6)
    replay.add([episode(3, 1), episode(2, 2)])
    assert (len(replay), replay.episodes) == (5, 2)
    replay.add([episode(3, 3)])
    assert marks(replay) == [2.0, 2.0, 3.0, 3.0, 3.0]
    assert replay.total_NV.tolist() == [[4.0, 1.0], [9.0, 1.5]]


def test_what_just_fits_stays_and_more_than_fits_at_once_is_cut():
    replay = Replay(PROBLEM, capacity=5)
    replay.add([episode(3, 1), episode(2, 2)])
    assert replay.episodes == 2
    replay.add([episode(1, mark) for mark in range(3, 12)])
    assert marks(replay) == [7.0, 8.0, 9.0, 10.0, 11.0]


def test_steps_are_drawn_uniformly_and_whole():
    replay = Replay(PROBLEM, capacity=9)
    replay.add([episode(3, 1), episode(1, 4)])
    steps = replay.sample(8000, torch.Generator().manual_seed(0))
    share = [(steps.observation_BO[:, 0] == seen).double().mean().item() for seen in (1.0, 1.1, 1.2, 4.0)]
    assert share == pytest.approx([0.25] * 4, abs=0.02)
    assert torch.equal(steps.observation_BO[:, 0].floor(), steps.signal_BV[:, 0])


def test_drawing_depends_on_the_generator_alone():
    replay = Replay(PROBLEM, capacity=9)
    replay.add([episode(3, 1), episode(3, 2)])
    first, second, third = (replay.sample(20, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.observation_BO, second.observation_BO)
    assert not torch.equal(first.observation_BO, third.observation_BO)


def test_what_is_stored_is_a_copy():
    replay, given = Replay(PROBLEM, capacity=9), episode(2, 1)
    replay.add([given])
    given.observation_TO[:] = 99.0
    given.action_TA[:] = 99.0
    assert marks(replay) == [1.0, 1.0]
    saved = replay.state_dict()
    replay.add([episode(1, 5)])
    assert len(saved["done_B"]) == 2
    again = Replay(PROBLEM, capacity=9)
    again.load_state_dict(saved)
    assert marks(again) == [1.0, 1.0]
    assert again.total_NV.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (Episode(np.zeros((1, 3)), np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1))), "observation_BO of an episode"),
        (Episode(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(1), np.zeros((1, 1))), "action_BA of an episode"),
        (Episode(np.zeros((1, 2)), np.zeros((1, 1)), np.zeros(1), np.zeros((1, 2))), "signal_BV of an episode"),
        (episode(4, 1), "length of an episode: expected at most 3 steps"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_added(wrong, named):
    replay = Replay(PROBLEM, capacity=3)
    with pytest.raises(InputError, match=named):
        replay.add([episode(2, 1), wrong])
    assert len(replay) == 0


def test_an_empty_replay_has_nothing_to_draw():
    with pytest.raises(InputError, match="expected at least one episode"):
        Replay(PROBLEM, capacity=3).sample(1, torch.Generator())
