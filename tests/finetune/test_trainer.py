import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.finetune import FineTune
from cpruner.finetune.trainer import Trainer

CPU = torch.device("cpu")
BATCH = (torch.tensor([[1.0, 2.0]]), torch.tensor([0]))


def _linear() -> nn.Linear:
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.5, -0.5], [0.0, 1.0]]))
        network.bias.zero_()
    return network


def _trainer(student: nn.Module, teacher: nn.Module | None = None, **options: Any) -> Trainer:
    return Trainer(student, teacher, FineTune(**{"epochs": 1, "lr": 0.1, "weight_decay": 0.0} | options), CPU)


def test_one_step_by_hand() -> None:
    # Logits (-0.5, 2): p = (0.0759, 0.9241); gradient of a logit is p - label; first Nesterov step: lr (1 + m) g.
    network = _linear()
    loss = _trainer(network, momentum=0.9, weight_decay=0.01).train([BATCH], epoch=0, steps=1)
    p = 1 / (1 + math.exp(2.5))
    assert loss == pytest.approx(-math.log(p), rel=1e-6)
    g = p - 1
    gradient_bias = torch.tensor([g, -g])
    gradient_weight = torch.outer(gradient_bias, BATCH[0][0]) + 0.01 * _linear().weight.detach()
    assert torch.allclose(network.weight, _linear().weight - 0.1 * 1.9 * gradient_weight, atol=1e-7)
    assert torch.allclose(network.bias, -0.1 * 1.9 * gradient_bias, atol=1e-7)  # not decayed


def test_mean_loss_weighs_images_not_batches() -> None:
    inputs, labels = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 4.0]]), torch.tensor([0, 1, 1])
    network = nn.Identity()
    holder = nn.Sequential(network, nn.Linear(2, 2))
    with torch.no_grad():
        holder[1].weight.copy_(torch.eye(2))
        holder[1].bias.zero_()
    loss = _trainer(holder, lr=0.0).train([(inputs[:2], labels[:2]), (inputs[2:], labels[2:])], epoch=0, steps=2)
    assert loss == pytest.approx((2 * math.log(2) + math.log(1 + math.exp(-4))) / 3, rel=1e-5)


@pytest.mark.parametrize(("steps", "expected"), [(2, [0.2, 0.1]), (1, [0.2, 0.2])])
def test_rate_falls_within_an_epoch_if_its_length_is_known(steps: int, expected: list[float]) -> None:
    trainer = _trainer(_linear(), lr=0.2)
    rates: list[float] = []
    trainer.optimizer.register_step_pre_hook(lambda o, _args, _kwargs: rates.append(o.param_groups[0]["lr"]))
    trainer.train([BATCH, BATCH], epoch=0, steps=steps)
    assert rates == pytest.approx(expected)


def _normed() -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))


def _two(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return torch.cat([batch[0], batch[0] + 1]), batch[1].repeat(2)


def test_batch_norm_updates_or_stays() -> None:
    updated, frozen = _normed(), _normed()
    _trainer(updated).train([_two(BATCH)], 0, 1)
    _trainer(frozen, batch_norm="freeze").train([_two(BATCH)], 0, 1)
    assert updated[0].running_mean.tolist() == pytest.approx([0.15, 0.25])  # a tenth of the means 1.5 and 2.5
    assert frozen[0].running_mean.tolist() == [0, 0]
    assert frozen[0].weight.tolist() != [1, 1]  # its scale is still trained
    assert frozen[1].training


def test_teacher_is_followed_and_not_changed() -> None:
    student, teacher = _linear(), nn.Linear(2, 2).eval()
    before = teacher.weight.clone()
    trainer = _trainer(student, teacher, epochs=200, distill_weight=1.0, temperature=1.0, lr=0.05)
    losses = [trainer.train([BATCH], 0, 1) for _ in range(200)]
    assert losses[-1] < 1e-4 < losses[0]
    assert torch.allclose(student(BATCH[0]).softmax(1), teacher(BATCH[0]).softmax(1), atol=0.01)
    assert torch.equal(teacher.weight, before)
    assert teacher.weight.grad is None


def test_frozen_parameters_stay() -> None:
    network = _linear()
    network.weight.requires_grad_(False)
    _trainer(network).train([BATCH], 0, 1)
    assert torch.equal(network.weight, _linear().weight)
    assert network.bias.abs().min() > 0


def test_refuses_a_network_without_trainable_parameters() -> None:
    with pytest.raises(InputError, match="requires_grad"):
        _trainer(_linear().requires_grad_(False))


def test_refuses_an_empty_pass() -> None:
    with pytest.raises(InputError, match=r"train batches.*epoch 2.*empty after its first pass"):
        _trainer(_linear()).train([], epoch=1, steps=1)


def test_divergence_shows_in_the_loss() -> None:
    network = _linear()
    with torch.no_grad():
        network.bias.fill_(math.nan)
    assert not math.isfinite(_trainer(network).train([BATCH], 0, 1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_mixed_precision_on_cuda() -> None:
    device = torch.device("cuda")
    network = nn.Linear(2, 2).to(device)
    dtypes = []
    network.register_forward_hook(lambda _module, _inputs, out: dtypes.append(out.dtype))
    spec = FineTune(epochs=1, amp=True)
    assert math.isfinite(Trainer(network, None, spec, device).train([BATCH], 0, 1))
    assert dtypes[0] in {torch.bfloat16, torch.float16}


def test_mixed_precision_on_the_cpu() -> None:
    network, dtypes = _linear(), []
    network.register_forward_hook(lambda _module, _inputs, out: dtypes.append(out.dtype))
    assert math.isfinite(_trainer(network, amp=True).train([BATCH], 0, 1))
    assert dtypes == [torch.bfloat16]
    assert network.weight.dtype == torch.float32
