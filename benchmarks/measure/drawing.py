"""Random candidates on a budget, and their answers on the search split. Axis letters: N images, K classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate
from cpruner.env import PruningEnv
from cpruner.evaluate import Score, Scorer
from cpruner.evaluate.score import Tally

#: Keep ratios are drawn uniformly between these, group by group, and then scaled onto the budget.
LOWEST, HIGHEST = 0.1, 1.0


def drawn(env: PruningEnv, seed: int, index: int) -> Candidate:
    """Candidate number ``index``; which ones were drawn before does not matter."""
    rng = np.random.default_rng([seed, index])
    ratios = rng.uniform(LOWEST, HIGHEST, len(env.space.groups))
    return env.space.at(env.keep_ratios(ratios.tolist()))


def answers(scorer: Scorer, network: nn.Module) -> Tensor:
    """Logits on all images of the scorer, in its order, (N, K)."""
    with scorer.numerics.running(network) as run:
        return torch.cat([run(inputs) for inputs, *_ in scorer.images.batches(scorer.numerics.batch_size)])


def prefixes(scorer: Scorer, logits_NK: Tensor, counts: Sequence[int]) -> Mapping[int, Score]:
    """Scores on the first so many images, as a search would have them with ``judging.images``."""
    found = {}
    (_, labels_N, dense_NK), *_ = scorer.images.batches(scorer.images.total)
    for count in counts:
        tally = Tally()
        tally.add(logits_NK[:count], labels_N[:count], None if dense_NK is None else dense_NK[:count])
        found[count] = tally.score()
    return found
