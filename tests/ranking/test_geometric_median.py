import torch
from rankings import evidence, pair

from cpruner.ranking.geometric_median import geometric_median


def test_by_hand() -> None:
    """Points 0, 4 and 5 on a line are 9, 5 and 6 away from the others: the middle one goes first."""
    model = pair([[0.0, 0.0], [4.0, 0.0], [5.0, 0.0]], [[1.0, 1.0, 1.0]])
    assert geometric_median(evidence(model, torch.ones(1, 2, dtype=torch.float64))) == ((0, 2, 1),)


def test_distances_are_euclidean() -> None:
    """(0, 0), (3, 4), (0, 5) and (0, -1): 0 is 5 + 5 + 1 away, 1 is 5 + sqrt(10) + sqrt(34), 2 is 5 + sqrt(10) + 6."""
    model = pair([[0.0, 0.0], [3.0, 4.0], [0.0, 5.0], [0.0, -1.0]], [[1.0] * 4])
    assert geometric_median(evidence(model, torch.ones(1, 2, dtype=torch.float64))) == ((2, 1, 3, 0),)


def test_a_large_norm_does_not_save_a_filter_that_others_repeat() -> None:
    model = pair([[9.0, 9.0], [9.0, 9.0], [9.0, 8.0], [0.0, 1.0]], [[1.0] * 4])
    ((first, *_),) = geometric_median(evidence(model, torch.ones(1, 2, dtype=torch.float64)))
    assert first == 3
