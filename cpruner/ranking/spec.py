"""In which order the channels of a group go."""

from dataclasses import dataclass

from cpruner.spec import check, option


@dataclass(frozen=True)
class Rank:
    """Options of the ranking."""

    criterion: str = option(
        "elimination",
        "what a channel is worth, against the others of its group: backward elimination by least-squares error, norm "
        "of the weights that make it (l1, l2) or of all that is cut with it (joint), scale of its norms (norm_scale), "
        "Taylor expansion of the loss, SNIP, distance to the other filters (geometric_median), or nothing (random)",
        choices=(*("elimination", "l1", "l2", "joint", "norm_scale", "taylor", "snip", "geometric_median", "random"),),
    )
    images: int = option(512, "labelled training images that taylor and snip take gradients on", low=1)
    batch_size: int = option(32, "images per gradient; taylor averages the squares of what the gradients give", low=1)
    damping: float = option(
        1e-4, "ridge added to the second moments by elimination, relative to their mean diagonal", low=0.0
    )
    seed: int = option(0, "seed of the random order, and of the images where they come shuffled", low=0)

    def __post_init__(self) -> None:
        check(self)
