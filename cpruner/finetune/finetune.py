"""Train a copy of a network and keep its best state."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from cpruner.data import SeededBatches
from cpruner.evaluate import score
from cpruner.finetune.log import EpochLog, TrainingLog
from cpruner.finetune.schedule import learning_rate
from cpruner.finetune.spec import FineTune
from cpruner.finetune.trainer import Trainer

Labelled = Iterable[tuple[Tensor, Tensor]]
M = TypeVar("M", bound=nn.Module)


def tune(
    network: M,
    train: Labelled,
    search: Labelled,
    spec: FineTune,
    *,
    seed: int,
    teacher: nn.Module | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[EpochLog], None] | None = None,
) -> tuple[M, TrainingLog]:
    """Train a copy of ``network``; the state with the best accuracy on ``search`` is kept, ties go to the lower loss.

    The state before the first step takes part, so the result is never worse on ``search`` than what came in. Batches of
    this package are shuffled and augmented anew from ``seed``; so are those of a ``DataLoader`` without a generator.

    Args:
        network: Any network from inputs to logits (B, K); not changed.
        train: Batches of (inputs, int64 labels), gone through once per epoch.
        search: Batches that choose the state and stop early; never the test split.
        spec: Hyper-parameters.
        seed: Of shuffling, augmentation and dropout; torch's global generators are left as they were.
        teacher: Network to follow (``spec.distill_weight``), usually the dense one; not changed.
        device: Where to train; None is where the network is.
        progress: Called after every epoch.

    Returns:
        The trained copy, in eval mode and on the device of ``network``, and the log. Training whose loss is no longer
        finite ends, and ``TrainingLog.stopped`` says so.

    Raises:
        InputError: If there are no batches, or nothing to train.
    """
    first = next(network.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    where = home if device is None else torch.device(device)
    student = copy.deepcopy(network).to(where)
    with _lent_generators(where, seed):
        search = search.to(where) if isinstance(search, SeededBatches) else search
        start = score(student, search)
        log = TrainingLog(start.accuracy, start.loss)
        if spec.epochs > 0:
            train = train.reseeded(seed).to(where) if isinstance(train, SeededBatches) else train
            guide = None if teacher is None or spec.distill_weight == 0 else copy.deepcopy(teacher).to(where).eval()
            trainer = Trainer(student, guide, spec, where)
            log = _keep_best(trainer, train, search, log, progress)
    return student.to(home).eval(), log


def _keep_best(
    trainer: Trainer, train: Labelled, search: Labelled, log: TrainingLog, progress: Callable[[EpochLog], None] | None
) -> TrainingLog:
    """Run the epochs, leave the best state in the student and return the log."""
    student, spec = trainer.student, trainer.spec
    best, best_state = (log.start_accuracy, -log.start_loss), copy.deepcopy(student.state_dict())
    steps = _length(train)
    for epoch in range(spec.epochs):
        started = time.perf_counter()
        loss = trainer.train(train, epoch, steps)
        if not math.isfinite(loss):
            log = replace(log, stopped=f"diverged: the training loss of epoch {epoch + 1} is not finite")
            break
        judged = score(student, search)
        seconds = time.perf_counter() - started
        done = EpochLog(epoch + 1, learning_rate(epoch, spec), loss, judged.accuracy, judged.loss, seconds)
        log = replace(log, epochs=(*log.epochs, done))
        if (judged.accuracy, -judged.loss) > best:
            best, best_state = (judged.accuracy, -judged.loss), copy.deepcopy(student.state_dict())
            log = replace(log, best_epoch=epoch + 1)
        if progress is not None:
            progress(done)
        if spec.patience is not None and epoch + 1 - log.best_epoch >= spec.patience and epoch + 1 < spec.epochs:
            log = replace(log, stopped=f"patience: no better search score in {spec.patience} epochs")
            break
    student.load_state_dict(best_state)
    return log


def _length(batches: Any) -> int:
    """Return the number of batches, or 1 if it is not known in advance, as for a DataLoader over a stream."""
    try:
        return max(1, len(cast(Sized, batches)))
    except TypeError:
        return 1


@contextmanager
def _lent_generators(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's global generators inside the block and put them back afterwards.

    Dropout and a DataLoader's shuffling draw from the global generators and take no other.
    """
    cuda = [torch.cuda.current_device() if device.index is None else device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
