"""One student in training. Axis letters: B batch, K classes."""

from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.errors import InputError
from cpruner.finetune.loss import distillation_loss
from cpruner.finetune.schedule import learning_rate
from cpruner.finetune.spec import FineTune


@final
class Trainer:
    """A student, its optimiser and perhaps its teacher, all on one device.

    Args:
        student: Changed in place by ``train``.
        teacher: In eval mode, on the same device; or None.
        spec: Hyper-parameters.
        device: Where both networks are.

    Raises:
        InputError: If no parameter of the student can be trained.
    """

    def __init__(self, student: nn.Module, teacher: nn.Module | None, spec: FineTune, device: torch.device) -> None:
        self.student, self.teacher, self.spec, self.device = student, teacher, spec, device
        self.optimizer = _optimizer(student, spec)
        mixed = spec.amp and device.type in ("cpu", "cuda")
        coarse = mixed and device.type == "cuda" and not torch.cuda.is_bf16_supported()
        self.precision = torch.float16 if coarse else torch.bfloat16
        self.mixed = mixed
        self.scaler = torch.amp.GradScaler(device.type, enabled=mixed and self.precision == torch.float16)

    def train(self, batches: Iterable[tuple[Tensor, Tensor]], epoch: int, steps: int) -> float:
        """Make one pass of training.

        Args:
            batches: Inputs and labels (B,).
            epoch: Epochs done before this one.
            steps: Expected number of batches, for the schedule inside the epoch; 1 if unknown.

        Returns:
            Mean loss over the images; not finite if training diverged.

        Raises:
            InputError: If there was no batch.
        """
        self._train_mode()
        total, images = torch.zeros((), device=self.device), 0
        for step, (inputs, labels) in enumerate(batches):
            rate = learning_rate(epoch + min(step, steps - 1) / steps, self.spec)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self._loss(inputs.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True))
            self.optimizer.zero_grad()
            torch.autograd.backward(self.scaler.scale(loss))
            self.scaler.step(self.optimizer)
            self.scaler.update()
            total += loss.detach() * len(labels)  # read once per epoch: reading every step would stall the device
            images += len(labels)
        if images == 0:
            raise InputError(
                "train batches",
                expected=f"at least one in every epoch (epoch {epoch + 1})",
                got="none",
                remedy="Give a DataLoader or a list of batches; a generator is empty after its first pass.",
            )
        return float(total) / images

    def _loss(self, inputs: Tensor, labels_B: Tensor) -> Tensor:
        spec = self.spec
        with torch.autocast(self.device.type, dtype=self.precision, enabled=self.mixed):
            student_BK = self.student(inputs)
            teacher_BK = None
            if self.teacher is not None:
                with torch.no_grad():
                    teacher_BK = self.teacher(inputs).float()
        if teacher_BK is None:
            return functional.cross_entropy(student_BK.float(), labels_B, label_smoothing=spec.label_smoothing)
        return distillation_loss(
            student_BK.float(),
            teacher_BK,
            labels_B,
            weight=spec.distill_weight,
            temperature=spec.temperature,
            smoothing=spec.label_smoothing,
        )

    def _train_mode(self) -> None:
        self.student.train()
        if self.spec.batch_norm == "freeze":
            for module in self.student.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()


def _optimizer(student: nn.Module, spec: FineTune) -> torch.optim.SGD:
    """Make the optimiser; biases and the scales and shifts of norms have one axis and are not decayed."""
    trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
    if not trained:
        raise InputError(
            "network",
            expected="at least one parameter with requires_grad",
            got="none",
            remedy="Call network.requires_grad_(True), or set epochs to 0.",
        )
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.momentum > 0)
