"""What judges candidates: the search images in their order, the dense network's answers, and how to run a network."""

import dataclasses
import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import nn

from cpruner.evaluate.bound import Bound
from cpruner.evaluate.evaluation_set import EvaluationSet, Gathered, Labelled, Streamed, examine
from cpruner.evaluate.numerics import Numerics, usual_batch
from cpruner.evaluate.order import margins, stratified_order
from cpruner.evaluate.score import Score, Tally, check_logits
from cpruner.evaluate.spec import Judging
from cpruner.evaluate.trial import Trial, fastest

_MIB = 2**20


@final
@dataclass(frozen=True, eq=False)
class Scorer:
    """Judges networks, always on the same images in the same order; can be pickled and sent to another process.

    Args:
        images: What is judged on.
        judging: The options, with the choice made where they left one open (``mode`` is then "fixed").
        dense: Score of the dense network on the whole search split, as it is.
        trials: What the choice of numerics was made of; empty where nothing was measured.
    """

    images: EvaluationSet
    judging: Judging
    dense: Score
    trials: tuple[Trial, ...] = ()

    @classmethod
    def of(cls, network: nn.Module, batches: Labelled, judging: Judging) -> "Scorer":
        """Judge the dense network, put the images in order and decide how candidates are run.

        Args:
            network: The dense network; comes back as it was.
            batches: The search split; gone through once if it fits into ``judging.memory``.
            judging: Options.

        Raises:
            InputError: There is no image, or they cannot be judged.
        """
        dense, images = examine(network, batches, judging.memory * _MIB)
        images = _chosen(images, judging)
        size = judging.batch_size or usual_batch(images.inputs_N) if isinstance(images, Gathered) else images.size
        chosen = Numerics(size, judging.precision, judging.channels_last, judging.cuda_graph)
        trials: tuple[Trial, ...] = ()
        if judging.mode == "measured":
            inputs_N = images.inputs_N if isinstance(images, Gathered) else next(iter(images.loader))[0]
            chosen, trials = fastest(network, inputs_N.to(images.dense_NK.device), Numerics(size))
        return cls(images, dataclasses.replace(judging, mode="fixed", **dataclasses.asdict(chosen)), dense, trials)

    @property
    def numerics(self) -> Numerics:
        """How networks are run."""
        chosen = self.judging
        assert chosen.batch_size is not None  # noqa: S101 - decided by ``of``
        return Numerics(chosen.batch_size, chosen.precision, chosen.channels_last, chosen.cuda_graph)

    @property
    def identity(self) -> str:
        """What a judgement depends on but the images; where judgements are shared changes none of them."""
        return repr(dataclasses.replace(self.judging, memo=None))

    def __call__(self, network: nn.Module, floor: float | None = None) -> Score:
        """Judge a network batch by batch.

        Args:
            network: From inputs to logits (B, K); comes back as it was, on its device.
            floor: Accuracy of the best candidate so far. With ``Judging.abandon`` judging stops as soon as it cannot be
                reached to within the margin any more.

        Raises:
            InputError: The output is not a (B, K) tensor.
        """
        numerics, tally = self.numerics, Tally()
        with numerics.running(network) as run:
            for inputs, labels_B, dense_BK in self.images.batches(numerics.batch_size):
                logits_BK = run(inputs)
                check_logits(logits_BK, labels_B)
                where = logits_BK.device
                tally.add(logits_BK, labels_B.to(where), None if dense_BK is None else dense_BK.to(where))
                if floor is not None and self._hopeless(tally, floor):
                    return tally.score(abandoned=floor)
        return tally.score()

    def _hopeless(self, tally: Tally, floor: float) -> bool:
        total, size = self.images.total, self.numerics.batch_size
        if not self.judging.abandon or tally.images >= total:
            return False
        bound = Bound(total, math.ceil(total / size) - 1, self.judging.margin, self.judging.confidence)
        return bound.hopeless(tally.correct, tally.images, floor)


def _chosen(images: Gathered | Streamed, judging: Judging) -> Gathered | Streamed:
    """The images to judge on, in order."""
    count = min(judging.images or images.total, images.total)
    if isinstance(images, Streamed):
        return dataclasses.replace(images, total=count)
    order = np.arange(images.total)
    if judging.order == "stratified":
        margin_N = margins(images.dense_NK, images.labels_N).double().cpu().numpy()
        order = stratified_order(images.labels_N.cpu().numpy(), margin_N, np.random.default_rng(judging.seed))
    return images.ordered(torch.from_numpy(order[:count]))
