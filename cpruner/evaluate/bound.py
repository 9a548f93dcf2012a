"""When a candidate that is judged image by image cannot come up to the best one any more."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A one-sided test, repeated after every batch: could so few right answers come from so good a candidate?

    The search split is a finite population and a candidate is right on a fixed number of its images, so the number
    right among the first ``seen`` images in random order is hypergeometric, exactly; unlike the intervals of Wilson or
    Hoeffding the test closes in on the truth as the split is used up. A stratified order varies less than a random one,
    which errs on the side of judging on. The error is shared equally among the looks (Bonferroni).

    Args:
        total: Images of the split.
        looks: How often the test is made before the last image.
        margin: Accuracy by which a candidate must stay behind.
        confidence: Of all looks together.
    """

    total: int
    looks: int
    margin: float
    confidence: float

    def hopeless(self, correct: int, seen: int, floor: float) -> bool:
        """Whether a candidate as good as ``floor - margin`` would have had more right, with confidence.

        Args:
            correct: Images that were right.
            seen: Images so far.
            floor: Accuracy of the best candidate.
        """
        from scipy.stats import hypergeom  # takes as long to import as everything else here together

        needed = math.ceil((floor - self.margin) * self.total - 1e-9)
        if needed <= correct:
            return False
        return bool(hypergeom.cdf(correct, self.total, needed, seen) < (1 - self.confidence) / max(self.looks, 1))
