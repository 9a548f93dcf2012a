import io

import numpy as np
import pytest
import torch
from open_loop import PAIR, episode

from cpruner.agent.baseline.trial import Trial
from cpruner.errors import InputError


def trial(reward, cost):
    return Trial.of(episode([0.2, 0.4], reward, cost), PAIR)


def test_sums_up_an_episode():
    found = trial(3.0, 1.5)
    assert found.action_TA.tolist() == [[0.2], [0.4]]
    assert (found.reward, found.cost_K.tolist(), found.violation) == (3.0, [1.5], 0.5)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((1.0, 0.9), (0.5, 0.1)),  # both feasible: more reward
        ((0.0, 1.0), (9.0, 1.1)),  # the limit itself is feasible
        ((0.0, 1.2), (9.0, 1.3)),  # neither: less violation
        ((2.0, 1.2), (1.0, 1.2)),  # as much violation: more reward
    ],
)
def test_the_order_of_two(better, worse):
    assert trial(*better).beats(trial(*worse))
    assert not trial(*worse).beats(trial(*better))


def test_nothing_beats_its_equal_and_anything_beats_nothing():
    assert not trial(1.0, 0.5).beats(trial(1.0, 0.5))
    assert trial(-1.0, 5.0).beats(None)


def test_reads_back_what_it_wrote():
    found, file = trial(3.0, 1.5), io.BytesIO()
    state = found.state_dict()
    torch.save(state, file)
    file.seek(0)
    again = Trial.from_state(torch.load(file, weights_only=True))
    state["actions"][0] = 9.0  # what was read or written shares nothing with the trial
    assert found.action_TA.tolist() == again.action_TA.tolist() == [[0.2], [0.4]]
    assert (again.reward, again.cost_K.tolist(), again.violation) == (3.0, [1.5], 0.5)
    assert again.action_TA.dtype == np.float64


def test_episodes_must_have_the_length_of_the_horizon():
    with pytest.raises(InputError, match="expected 2 steps, got 3"):
        Trial.of(episode([0.1, 0.2, 0.3]), PAIR)
