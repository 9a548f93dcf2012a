from collections import Counter

import torch
from rankings import evidence, pair

from cpruner.ranking import CRITERIA, Evidence, Rank


def shuffled(known: Evidence, seed: int) -> tuple[int, ...]:
    (order,) = CRITERIA["random"](Evidence(known.model, known.space, spec=Rank(seed=seed)))
    return order


def test_every_order_is_equally_likely() -> None:
    """600 draws of 6 orders; four deviations of a binomial around 100 are 36."""
    known = evidence(pair([[1.0], [2.0], [3.0]], [[1.0, 1.0, 1.0]]), torch.ones(1, 1, dtype=torch.float64))
    counts = Counter(shuffled(known, seed) for seed in range(600))
    assert len(counts) == 6
    assert all(abs(count - 100) < 36 for count in counts.values())


def test_the_seed_decides() -> None:
    known = evidence(pair([[1.0]] * 20, [[1.0] * 20]), torch.ones(1, 1, dtype=torch.float64))
    assert shuffled(known, 3) == shuffled(known, 3) != shuffled(known, 4)
