"""Train a network, or let a smaller one recover: SGD with a cosine schedule, distillation, mixed precision."""

from cpruner.finetune.finetune import tune as tune
from cpruner.finetune.log import EpochLog as EpochLog
from cpruner.finetune.log import TrainingLog as TrainingLog
from cpruner.finetune.loss import distillation_loss as distillation_loss
from cpruner.finetune.schedule import learning_rate as learning_rate
from cpruner.finetune.spec import FineTune as FineTune

__all__ = [
    "EpochLog",
    "FineTune",
    "TrainingLog",
    "distillation_loss",
    "learning_rate",
    "tune",
]
