import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.finetune import distillation_loss

LABELS = torch.tensor([0])


def test_by_hand() -> None:
    # T = 2: student softmax([0, 0]) = (1/2, 1/2); teacher softmax([ln 9, 0] / 2) = (3/4, 1/4).
    student, teacher = torch.zeros(1, 2), torch.tensor([[math.log(9), 0.0]])
    kl = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    loss = distillation_loss(student, teacher, LABELS, weight=0.25, temperature=2.0)
    assert float(loss) == pytest.approx(0.75 * math.log(2) + 0.25 * 4 * kl)


def test_weight_zero_is_cross_entropy_and_smoothing_is_passed_on() -> None:
    student, teacher = torch.tensor([[2.0, 0.0]]), torch.tensor([[-5.0, 5.0]])
    plain = distillation_loss(student, teacher, LABELS, weight=0.0, temperature=4.0)
    p = 1 / (1 + math.exp(-2))
    assert float(plain) == pytest.approx(-math.log(p))
    smoothed = distillation_loss(student, teacher, LABELS, weight=0.0, temperature=4.0, smoothing=0.2)
    assert float(smoothed) == pytest.approx(-0.9 * math.log(p) - 0.1 * math.log(1 - p))


@given(seed=st.integers(0, 100), temperature=st.floats(0.5, 20))
def test_a_student_equal_to_its_teacher_has_nothing_to_learn_from_it(seed: int, temperature: float) -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64, requires_grad=True)
    labels = torch.zeros(4, dtype=torch.int64)
    loss = distillation_loss(logits, logits.detach(), labels, weight=1.0, temperature=temperature)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.detach().abs() < 1e-9
    assert gradient.abs().max() < 1e-9


def test_gradients_keep_their_size_at_high_temperature() -> None:
    # Hinton et al. 2015, section 2.1: with T^2 the gradient tends to (z - v) / classes for zero-mean logits.
    student = torch.tensor([[0.3, -0.1, -0.2]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[-0.4, 0.5, -0.1]], dtype=torch.float64)
    loss = distillation_loss(student, teacher, LABELS, weight=1.0, temperature=1e4)
    (gradient,) = torch.autograd.grad(loss, student)
    assert gradient[0].tolist() == pytest.approx(((student - teacher) / 3)[0].tolist(), rel=1e-3)
