"""How a cut network is refitted before it is judged."""

from dataclasses import dataclass, replace

from cpruner.spec import check, option


@dataclass(frozen=True)
class Repair:
    """Options of the closed-form refit."""

    mode: str = option(
        "sequential",
        "none: weights as cut; recalibrate: batch-norm statistics re-estimated; static: refit on the dense "
        "activations (a matrix product per layer); sequential: refit layer after layer on the activations "
        "of the already refitted prefix (about one more forward pass per candidate)",
        choices=("none", "recalibrate", "static", "sequential"),
    )
    images: int = option(512, "training images the activation statistics are gathered on", low=1)
    final_images: int | None = option(
        5000,
        "training images for the network that is returned, which is repaired once more; null: as in the search",
        low=1,
    )
    positions: int = option(8, "sampled output positions per image and layer, on average", low=1)
    batch: int = option(250, "images in a batch while the statistics are gathered", low=1)
    memory: int = option(
        2048, "MiB of activations; a sequential pass takes fewer images where all at once would need more", low=1
    )
    damping: float = option(1e-4, "ridge added to the second moments, relative to their mean diagonal", low=0.0)
    shrinkage: float = option(0.05, "further ridge of a static refit, per input and sampled row", low=0.0)
    updates: int = option(
        3, "updates of the ridge of a sequential refit towards what makes its rows most likely; 0: damping alone", low=0
    )
    seed: int = option(0, "seed of the sampled positions", low=0)
    cache: bool = option(True, "keep the activation statistics on disk for the next run")
    cache_mb: int = option(
        512, "MiB of statistics on disk: larger ones are not written, those used longest ago go first", low=1
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def identity(self) -> str:
        """All that candidates depend on, as text: not whether statistics are kept on disk."""
        return repr(replace(self, final_images=None, cache=True, cache_mb=1))
