"""What a score is worth to a search, as one number that rises with the quality."""

import math

from cpruner.evaluate.score import Score

#: What a judgement may be paid by.
REWARDS = ("accuracy", "loss", "log_loss", "divergence")

_LEAST, _MOST = 1e-6, 100.0  # nats; a network that has come apart may lose any number of them


def worth(score: Score, reward: str) -> float | None:
    """The reward of a score; None where it has no divergence and that is asked for.

    Args:
        score: Of a judged network.
        reward: accuracy; loss or divergence: minus so many nats, at most 100; log_loss: minus the logarithm of the
            loss, which is as finely graded as the loss and not ruled by candidates that have come apart.
    """
    if reward == "accuracy":
        return score.accuracy
    if reward == "log_loss":
        return -math.log(min(max(score.loss, _LEAST), _MOST))
    lost = score.loss if reward == "loss" else score.divergence
    return None if lost is None else -min(lost, _MOST)
