"""What happened while training."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EpochLog:
    """One epoch.

    Args:
        epoch: Its number, from 1.
        lr: Learning rate of its first step.
        train_loss: Mean loss over its training images, nats.
        search_accuracy: Accuracy on the search split after it, in [0, 1].
        search_loss: Mean cross-entropy on the search split after it, nats.
        seconds: Wall time; the only field that two equal runs need not share, so comparisons leave it out.
    """

    epoch: int
    lr: float
    train_loss: float
    search_accuracy: float
    search_loss: float
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class TrainingLog:
    """A whole training.

    Args:
        start_accuracy: Accuracy on the search split before the first step, in [0, 1].
        start_loss: Mean cross-entropy on the search split before the first step, nats.
        epochs: The epochs that were finished.
        best_epoch: Epoch whose state was kept; 0 is the state before the first step.
        stopped: Why training ended before its last epoch; empty if it did not.
    """

    start_accuracy: float
    start_loss: float
    epochs: tuple[EpochLog, ...] = ()
    best_epoch: int = 0
    stopped: str = ""
