"""Hyper-parameters of training."""

from dataclasses import dataclass
from typing import final

from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class FineTune:
    """SGD with Nesterov momentum and a cosine schedule; the best state on the search split is kept."""

    epochs: int = option(10, "passes over the training split; 0 changes nothing", low=0)
    lr: float = option(0.05, "highest learning rate; reached after warm-up, then a half cosine down to 0", low=0)
    momentum: float = option(0.9, "Nesterov momentum", low=0, high=0.9999)
    weight_decay: float = option(5e-4, "decay of weights; biases and norms are not decayed", low=0)
    warmup_epochs: int = option(0, "epochs in which the learning rate rises linearly", low=0)
    label_smoothing: float = option(0.0, "share of a label spread over all classes", low=0, high=0.99)
    distill_weight: float = option(0.5, "share of the loss that follows the teacher, if there is one", low=0, high=1)
    temperature: float = option(4.0, "temperature that softens teacher and student", low=0.01)
    patience: int | None = option(None, "stop after this many epochs without a better search score; null never", low=1)
    batch_norm: str = option("update", "update or freeze batch norm's running statistics", choices=("update", "freeze"))
    amp: bool = option(False, "mixed precision on CUDA and the CPU: bfloat16, or float16 on GPUs without it")

    def __post_init__(self) -> None:
        check(self)
        if 0 < self.epochs <= self.warmup_epochs:
            raise InputError(
                "FineTune.warmup_epochs",
                expected=f"fewer than epochs = {self.epochs}",
                got=self.warmup_epochs,
                remedy="Train longer or warm up less.",
            )
