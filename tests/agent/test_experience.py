import numpy as np
import torch

from cpruner.agent import experience
from cpruner.agent.experience import Played
from cpruner.cmdp import Episode


def played(steps, offset=0.0):
    episode = Episode(
        observation_TO=np.full((steps, 3), offset),
        action_TA=np.full((steps, 2), 0.5),
        reward_T=np.arange(steps, dtype=np.float64),
        cost_TK=np.full((steps, 1), 4.0),
    )
    return Played.of(episode, np.array([2.0]), torch.full((steps,), offset, dtype=torch.float64))


def test_signal_is_reward_then_cost_in_units_of_its_limit():
    assert played(2).signal_TV.tolist() == [[0.0, 2.0], [1.0, 2.0]]
    assert played(2).total_V.tolist() == [1.0, 4.0]


def test_pool_stacks_episodes_of_any_length_in_order():
    pool = [played(2, 1.0), played(3, 2.0)]
    assert experience.sequences(pool).flat_BO.shape == (5, 3)
    assert experience.actions(pool).shape == (5, 2)
    assert experience.log_probs(pool).tolist() == [1.0, 1.0, 2.0, 2.0, 2.0]


def test_state_round_trip():
    original = played(3, 1.5)
    copy = Played.from_state(original.state_dict())
    assert torch.equal(copy.observation_TO, original.observation_TO)
    assert torch.equal(copy.action_TA, original.action_TA)
    assert torch.equal(copy.log_prob_T, original.log_prob_T)
    assert np.array_equal(copy.signal_TV, original.signal_TV)
