import numpy as np
import pytest
import torch
from torch import nn

from cpruner.candidate import Rewired
from cpruner.testing.blocks import Shuffle, Thin

X = torch.arange(2 * 4 * 4, dtype=torch.float64).reshape(1, 8, 2, 2) + 1


def rewired(inner: nn.Module, inputs: list[int], outputs: list[int], axis: int = 1) -> Rewired:
    return Rewired(inner, axis, np.array(inputs), 8, np.array(outputs))


def test_kept_channels_take_the_way_they_take_in_the_dense_module() -> None:
    """Dense: 0 1 2 3 4 5 6 7 -> 0 4 1 5 2 6 3 7. Without 1 and 6 the fourth and sixth outputs hold 5 and 7."""
    kept, outputs = [0, 2, 3, 4, 5, 7], [0, 1, 3, 4, 6, 7]
    result = rewired(Shuffle(), kept, outputs)(X[:, kept])
    assert torch.equal(result, Shuffle()(X)[:, outputs])


def test_removed_channels_come_out_as_zeros_where_they_are_kept() -> None:
    result = rewired(Thin(1), [7], [0, 1, 8, 9])(X[:, [7]])
    assert result.shape == (1, 4, 1, 1)
    assert result.flatten().tolist() == [0, 0, 29, 0]


def test_the_axis_may_be_another_one() -> None:
    rows = X.transpose(1, 3)
    assert torch.equal(rewired(nn.Identity(), [1, 5], [5, 1], axis=3)(rows[..., [1, 5]]), rows[..., [5, 1]])


def test_nothing_is_added_to_the_state() -> None:
    module = rewired(nn.BatchNorm2d(8).eval(), [0], [0])
    assert set(module.state_dict()) == {f"inner.{name}" for name in nn.BatchNorm2d(8).state_dict()}
    assert rewired(Shuffle(), [0], [0]).state_dict() == {}


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_type_and_gradient_pass(kind: torch.dtype) -> None:
    x = torch.ones(1, 2, 2, 2, dtype=kind, requires_grad=True)
    result = rewired(Shuffle(), [0, 4], [0, 1])(x)
    assert result.dtype == kind
    result.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_follows_its_input_to_another_device() -> None:
    """It has no parameter to ask where it lies, so its indices may still be on the CPU."""
    module, dense = rewired(Shuffle(), [0, 4], [0, 1]), X.to("cuda")
    assert torch.equal(module(dense[:, [0, 4]]).cpu(), X[:, [0, 4]])
