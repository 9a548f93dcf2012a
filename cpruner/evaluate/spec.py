"""How candidates are judged on the search split."""

from dataclasses import dataclass

from cpruner.errors import InputError
from cpruner.spec import check, option


@dataclass(frozen=True)
class Judging:
    """Options of judging; docs/judging.md says what they are worth."""

    images: int | None = option(
        None, "search images that judge a candidate, the first of their order; null takes all", low=1
    )
    order: str = option(
        "stratified",
        "stratified: every first part of the search images has the classes and the difficulty of all; given: as read",
        choices=("stratified", "given"),
    )
    seed: int = option(0, "seed of the stratified order", low=0)
    memory: int = option(
        1024, "MiB of search images held; a larger split is read anew for every candidate, in its own order", low=0
    )
    mode: str = option(
        "fixed",
        "fixed: the next four options hold; measured: they are replaced by what is fastest on the dense network and "
        "agrees with it, and the choice is recorded",
        choices=("fixed", "measured"),
    )
    precision: str = option(
        "float32",
        "float32: as the network is; bfloat16, float16: autocast",
        choices=("float32", "bfloat16", "float16"),
    )
    channels_last: bool = option(False, "lay images and convolutions out with their channels last")
    batch_size: int | None = option(
        None, "search images at once; null: about 200,000 input numbers (8 to 512 images) on CPUs, else 512", low=1
    )
    cuda_graph: bool = option(False, "capture every candidate as a CUDA graph; pays with many small batches only")
    abandon: bool = option(
        False, "stop judging a candidate that cannot reach the best feasible accuracy so far minus the margin"
    )
    margin: float = option(0.05, "accuracy by which a candidate must stay behind to be abandoned", low=0.0, high=1.0)
    confidence: float = option(0.99, "certainty that an abandoned candidate is that far behind", low=0.5, high=0.999999)
    memo: str | None = option(None, "file of judgements shared with other runs of the same task; null shares none")

    def __post_init__(self) -> None:
        check(self)
        if self.abandon and self.memo is not None:
            raise InputError(
                "Judging.memo",
                expected="null where candidates are abandoned, whose scores depend on what else a run has found",
                got=repr(self.memo),
                remedy="Set abandon=false or memo=null.",
            )
