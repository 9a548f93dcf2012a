import numpy as np
import pytest
import torch

from cpruner.agent import GradientAscent
from cpruner.agent.off_policy import DDPG
from cpruner.agent.off_policy.memory import Memory
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError

PROBLEM = Problem(1, 1, 2, ("flops",), (2.0,))
OPTIONS = {"warmup": 2, "gradient_steps": 3, "batch": 4, "baseline": 0.0, "capacity": 3}


def memory(**options):
    return Memory(DDPG(**OPTIONS | options), PROBLEM)


def episode(reward, cost, seen=0.0):
    return Episode(
        np.array([[seen], [seen + 2.0]]), np.full((2, 1), 0.5), np.array([0.0, reward]), np.array([[0.0], [cost]])
    )


def drawn(made, seed=0):
    return list(made.minibatches(torch.Generator().manual_seed(seed)))


def test_learning_begins_after_the_warm_up():
    made = memory()
    made.take([episode(1.0, 2.0)])
    assert not made.learning
    assert made.prices.multipliers == (0.0,)
    made.take([episode(3.0, 4.0)])
    assert made.learning
    assert (made.episodes, made.prices.multipliers) == (2, (1.0,))


def test_random_episodes_charge_nothing():
    """The rule moves by 0.5 times the violation of an episode of the policy: 4 / 2 - 1 = 1."""
    made = memory(multiplier=GradientAscent(lr=0.5, init=1.0))
    made.take([episode(1.0, 20.0)])
    made.take([episode(3.0, 22.0)])
    assert made.prices.weight_V.tolist() == [0.5, -0.5]
    made.take([episode(3.0, 4.0)])
    assert made.prices.weight_V.tolist() == pytest.approx([1.0 / 2.5, -1.5 / 2.5])


def test_diagnostics_name_the_constraints():
    made = memory()
    scalars = made.take([episode(1.0, 2.0), episode(3.0, 4.0)])
    assert scalars == {"reward": 2.0, "violation/flops": 0.5, "saturated/flops": 0.0}


def test_stored_episodes_do_not_count_as_played():
    made = memory()
    made.fill([episode(1.0, 2.0), episode(3.0, 4.0)])
    assert (made.episodes, made.learning) == (0, False)
    made.take([episode(1.0, 2.0)])
    assert not made.learning


def test_every_added_episode_is_worth_as_many_gradient_steps():
    made = memory(warmup=1)
    made.take([episode(1.0, 2.0)])
    assert len(drawn(made)) == 3
    assert drawn(made) == []
    made.fill([episode(3.0, 4.0)])
    made.take([episode(2.0, 4.0)])
    assert len(drawn(made)) == 6
    made.fill([episode(float(number), 4.0) for number in range(10)])  # seven of them are forgotten at once
    assert len(drawn(made)) == 9


def test_minibatches_are_normalised_and_in_units():
    """Observations 0 and 2 in the warm-up: mean 1, deviation 1. Rewards 1, 3 spread by 1; costs 2, 6 by 2."""
    made = memory(credit="episode")
    made.take([episode(1.0, 2.0), episode(3.0, 6.0)])
    for batch in drawn(made):
        assert batch.observation_BO.shape == (4, 1)
        assert {tuple(row) for row in batch.signal_BV.tolist()} <= {(1.0, 1.0), (3.0, 3.0)}
        assert torch.equal(batch.observation_BO[:, 0], torch.where(batch.done_B, 1.0, -1.0).double())
        assert (batch.next_BO[~batch.done_B] == 1.0).all()
    assert made.normalised(torch.tensor([[3.0]], dtype=torch.float64)).item() == 2.0


def test_the_normaliser_stays_as_it_was_at_the_end_of_the_warm_up():
    made = memory()
    made.take([episode(1.0, 2.0), episode(3.0, 6.0)])
    made.take([episode(1.0, 2.0, seen=50.0)])
    assert made.normalised(torch.tensor([[3.0]], dtype=torch.float64)).item() == 2.0
    plain = memory(normalise_observations=False)
    plain.take([episode(1.0, 2.0), episode(3.0, 6.0)])
    assert plain.normalised(torch.tensor([[3.0]], dtype=torch.float64)).item() == 3.0


def test_a_saved_state_draws_the_same():
    made, again = memory(), memory()
    made.take([episode(1.0, 2.0), episode(3.0, 6.0)])
    again.load_state_dict(made.state_dict())
    assert again.episodes == 2
    for left, right in zip(drawn(made), drawn(again), strict=True):
        assert torch.equal(left.signal_BV, right.signal_BV)
        assert torch.equal(left.observation_BO, right.observation_BO)


def test_what_does_not_fit_changes_nothing():
    made = memory()
    with pytest.raises(InputError, match="episodes: expected at least one"):
        made.take([])
    with pytest.raises(InputError, match="observation_BO of an episode"):
        made.take([Episode(np.zeros((1, 2)), np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)))])
    assert made.episodes == 0
    made.take([episode(1.0, 2.0), episode(3.0, 6.0)])
    assert len(drawn(made)) == 6
