import torch
from rankings import evidence, pair

from cpruner.ranking.joint import joint


def test_by_hand() -> None:
    """Rows 9, 8 and 1 of 18 and columns 1, 1 and 81 of 83: shares 0.51, 0.46 and 1.03."""
    model = pair([[3.0, 0.0], [2.0, -2.0], [0.0, -1.0]], [[1.0, 1.0, 9.0]])
    assert joint(evidence(model, torch.ones(1, 2, dtype=torch.float64))) == ((2, 0, 1),)


def test_it_is_the_order_of_a_traced_space_whatever_order_the_space_has_now() -> None:
    model = pair([[3.0, 0.0], [2.0, -2.0], [0.0, -1.0]], [[1.0, 1.0, 9.0]])
    known = evidence(model, torch.ones(1, 2, dtype=torch.float64))
    assert joint(known) == known.space.ranking
    other = type(known)(model, known.space.ranked(((1, 0, 2),)))
    assert joint(other) == known.space.ranking
