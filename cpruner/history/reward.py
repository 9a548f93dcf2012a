"""What a recorded candidate would be paid now.

Axis letters: N candidates, G groups.
"""

from cpruner.evaluate import Score, worth


def carried(score: Score, theirs: Score, ours: Score, reward: str) -> float | None:
    """The reward of a score on another network or other images: what is lost is taken to be lost here, too.

    Args:
        score: What was judged there.
        theirs: The dense network there.
        ours: The dense network here.
        reward: ``PruningProblem.reward``; a divergence is a loss relative to the dense network already.
    """
    value, before, now = (worth(found, reward) for found in (score, theirs, ours))
    if reward == "divergence" or value is None or before is None or now is None:
        return value
    return now + value - before
