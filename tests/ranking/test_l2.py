import torch
from rankings import evidence, pair

from cpruner.ranking.l2 import l2


def test_by_hand() -> None:
    """Norms 3, sqrt(8) and 1, where the absolute sums are 3, 4 and 1."""
    model = pair([[3.0, 0.0], [2.0, -2.0], [0.0, -1.0]], [[1.0, 1.0, 9.0]])
    assert l2(evidence(model, torch.ones(1, 2, dtype=torch.float64))) == ((0, 1, 2),)
