import numpy as np
import pytest

from cpruner.agent.baseline.saving import cheapest
from cpruner.agent.baseline.trial import Trial


def trial(reward, *costs):
    return Trial(np.zeros((1, 1)), reward, np.array(costs), 0.0)


def places(trials, kept=None, constraint=0):
    """Where in ``trials`` the chosen ones are."""
    chosen = cheapest(kept or trial(1.0, 3.0), trials, constraint, 1.0)
    return [next(place for place, one in enumerate(trials) if one is best) for best in chosen]


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([(0.8, 2.0), (0.9, 2.0), (0.7, 2.0)], [1]),  # as much saved: the most reward
        ([(0.9, 2.5), (0.85, 2.0)], [1]),  # 0.1 lost for half of it counts 0.2
        ([(0.9, 2.2), (0.86, 2.0)], [0]),  # 0.1 lost for 0.8 counts 0.125, and 0.8 is enough
        ([(0.9, 2.5), (0.5, 2.0)], [0, 1]),  # half of it is not enough: go on with the next
        ([(0.9, 2.5), (0.9, 2.6), (0.9, 2.7), (0.1, 2.9)], [0, 1]),  # 0.2, 0.25, 0.33, 3.6: 0.5 + 0.4 will do
        ([(1.01, 2.9), (1.05, 2.0)], [1]),  # a gain is not raised, though a tenth was saved
        ([(1.2, 2.9), (1.05, 2.0)], [0, 1]),  # but it counts
        ([(2.0, 3.0), (0.5, 2.0)], [1]),  # nothing saved
        ([(2.0, 3.1), (0.5, 2.9)], [1]),  # nothing or little saved: what there is
        ([(2.0, 3.1), (0.5, 3.0)], [0, 1]),  # nothing at all: all of them
    ],
)
def test_the_cheapest_that_save_enough(found, chosen):
    assert places([trial(*numbers) for numbers in found]) == chosen


def test_the_loss_of_a_tiny_saving_is_raised_fourfold_at_most():
    # 0.01 lost for a thousandth counts 0.04, less than 0.05 for all of it
    assert places([trial(0.99, 2.999), trial(0.95, 2.0)]) == [0, 1]


def test_only_the_cost_asked_for_counts():
    kept, trials = trial(1.0, 3.0, 5.0), [trial(0.9, 2.0, 5.0), trial(0.5, 3.0, 4.0)]
    assert places(trials, kept, 0) == [0]
    assert places(trials, kept, 1) == [1]
