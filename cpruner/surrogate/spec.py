"""How the surrogate is made and calibrated."""

from dataclasses import dataclass

from cpruner.spec import check, option


@dataclass(frozen=True)
class Calibration:
    """Options of the surrogate."""

    images: int = option(1000, "training images that the curvature of the loss is taken on", low=1)
    batch: int = option(125, "images per gradient", low=1)
    temperature: float = option(8.0, "temperature that softens the network's answers for the curvature", low=0.01)
    folds: int = option(5, "parts of the judgements for the choice of the ridge", low=2)
    rounds: int = option(4, "rounds of refinement: optimum, judgement, neighbours, calibration", low=0)
    neighbours: int = option(11, "candidates judged around the best one in every round", low=0)
    radius: float = option(0.15, "spread of the neighbours: deviation of the logarithm of keep ratios", low=0.0)
    focus: float = option(
        0.5,
        "refinement counts judgements as exp(-excess / focus), the excess of log loss over the best",
        low=0.01,
    )
    seed: int = option(0, "seed of the drawn labels and the neighbours", low=0)

    def __post_init__(self) -> None:
        check(self)
