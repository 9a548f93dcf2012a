import numpy as np

from cpruner.agent.baseline.playback import Playback


def counted():
    """A proposer and the list of what it proposed."""
    proposed = []

    def propose():
        proposed.append(np.array([[0.1 * len(proposed)], [0.5]]))
        return proposed[-1]

    return propose, proposed


def test_one_proposal_per_episode_made_when_it_is_asked_for():
    (propose, proposed), playback = counted(), Playback()
    playback.begin()
    assert not proposed
    assert [playback.act(propose).tolist() for _ in range(2)] == [[0.0], [0.5]]
    playback.begin()
    assert [playback.act(propose).tolist() for _ in range(2)] == [[0.1], [0.5]]
    assert len(proposed) == 2


def test_an_episode_that_was_broken_off_is_forgotten():
    (propose, _), playback = counted(), Playback()
    playback.act(propose)
    playback.begin()
    assert playback.act(propose).tolist() == [0.1]


def test_the_last_action_again_after_the_end():
    (propose, _), playback = counted(), Playback()
    assert [playback.act(propose).tolist() for _ in range(4)] == [[0.0], [0.5], [0.5], [0.5]]


def test_another_sequence_is_shown_at_the_same_step():
    (propose, proposed), playback = counted(), Playback()
    playback.act(propose)
    assert playback.show(np.array([[0.7], [0.8], [0.9]])).tolist() == [0.8]
    assert len(proposed) == 1


def test_actions_are_copies():
    (propose, proposed), playback = counted(), Playback()
    playback.act(propose)[0] = 9.0
    assert proposed[0].tolist() == [[0.0], [0.5]]
