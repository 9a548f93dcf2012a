import torch
from rankings import evidence, pair

from cpruner.ranking.l1 import l1


def test_by_hand() -> None:
    """Absolute sums 3, 4 and 1; the second layer, which would turn it round, does not count."""
    model = pair([[3.0, 0.0], [2.0, -2.0], [0.0, -1.0]], [[1.0, 1.0, 9.0]])
    assert l1(evidence(model, torch.ones(1, 2, dtype=torch.float64))) == ((1, 0, 2),)
