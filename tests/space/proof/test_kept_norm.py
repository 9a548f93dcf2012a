from typing import Any

import pytest
import torch
from spaces import numbers
from torch import Tensor
from torch.nn import functional

from cpruner.space.proof.kept_norm import Kept, KeptNorm

X = numbers(2, 6, 4)
KEPT = torch.tensor([0, 2, 5])
SCALE, SHIFT = numbers(6, seed=1), numbers(6, seed=2)


def kept(axis: int, groups: int | None = None, channels: Tensor = KEPT) -> KeptNorm:
    return KeptNorm([Kept(channels, groups, axis)])


def scattered(part: Tensor, axis: int) -> Tensor:
    return torch.zeros_like(X).index_copy(axis, KEPT, part)


def test_a_layer_norm_by_hand() -> None:
    """Of (1, 9, 3, 9, 9, 5) the first, third and last stay: mean 3, variance 8 / 3; the rest of the result is zero."""
    row = torch.tensor([1.0, 9.0, 3.0, 9.0, 9.0, 5.0])
    with kept(-1):
        result = functional.layer_norm(row, (6,), eps=0.0)
    assert torch.allclose(result, torch.tensor([-2.0, 0.0, 0.0, 0.0, 0.0, 2.0]) / (8 / 3) ** 0.5)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("norm", [functional.layer_norm, functional.rms_norm])
def test_norms_of_the_last_axis(norm: Any, affine: bool) -> None:
    x, vectors = X.transpose(1, 2), (SCALE, SHIFT)[: 2 if norm is functional.layer_norm else 1] if affine else ()
    with kept(2):
        result = norm(x, (6,), *vectors)
    expected = norm(x[..., KEPT], (3,), *(vector[KEPT] for vector in vectors))
    assert torch.allclose(result[..., KEPT], expected)
    if norm is functional.layer_norm:
        assert not result[..., [1, 3, 4]].any()


def test_wide_groups_that_lose_the_same_positions() -> None:
    """Two groups of three; of each the first and the last are kept."""
    channels = torch.tensor([0, 2, 3, 5])
    with kept(1, channels=channels):
        result = functional.group_norm(X, 2, SCALE, SHIFT)
    expected = functional.group_norm(X[:, channels], 2, SCALE[channels], SHIFT[channels])
    assert torch.allclose(result[:, channels], expected)
    assert not result[:, [1, 4]].any()


def test_thin_groups_that_go_whole() -> None:
    """Of three groups of two, the first and the last are kept: two are left."""
    channels = torch.tensor([0, 1, 4, 5])
    with kept(1, groups=2, channels=channels):
        result = functional.group_norm(X, 3, SCALE, SHIFT)
    dense = functional.group_norm(X, 3, SCALE, SHIFT)
    assert torch.allclose(result[:, channels], dense[:, channels])
    assert not result[:, [2, 3]].any()


@pytest.mark.parametrize(
    "statistic",
    [
        lambda x: x.mean(1, keepdim=True),
        lambda x: x.mean((1, 2)),
        lambda x: x.var(1),
        lambda x: x.std((0, 1, 2), unbiased=False),
        lambda x: torch.stack(torch.var_mean(x, 1)),
        lambda x: x.amin(1),
        lambda x: x.amax((1, 2)),
        lambda x: x.min(1)[0],
    ],
)
def test_means_and_spreads_leave_out_what_is_removed(statistic: Any) -> None:
    with kept(1):
        result = statistic(X)
    assert torch.allclose(result, statistic(X[:, KEPT]))
    assert not torch.allclose(result, statistic(X))


def test_a_mean_across_heads_of_a_masked_tensor_is_that_of_what_is_kept() -> None:
    masked = torch.zeros_like(X).index_copy(1, KEPT, X[:, KEPT])
    with kept(1):
        result = masked.mean(1)
    assert torch.allclose(result, X[:, KEPT].mean(1))


def test_each_computation_in_turn_and_none_for_whole_axes() -> None:
    with KeptNorm([None, Kept(KEPT, None, 1), None]):
        results = [X.mean(1), X.mean(1), functional.layer_norm(X, (4,))]
    assert torch.equal(results[0], X.mean(1))
    assert torch.allclose(results[1], X[:, KEPT].mean(1))
    assert torch.equal(results[2], functional.layer_norm(X, (4,)))


def test_other_ops_are_none_of_its_business() -> None:
    with KeptNorm([]):
        results = [X.sum(1), X.argmax(1), X.softmax(1)]
    assert torch.equal(results[0], X.sum(1))


def test_a_batch_norm_of_a_weight_runs_over_the_inputs_that_are_kept() -> None:
    """Rows of a weight; (1, 9, 3, 9, 9, 5) without the nines has mean 3 and variance 8 / 3, as above."""
    rows = torch.tensor([[[1.0, 9.0, 3.0, 9.0, 9.0, 5.0], [2.0, 0.0, 6.0, 0.0, 0.0, 10.0]]])
    with kept(2):
        result = functional.batch_norm(rows, None, None, weight=torch.tensor([1.0, 3.0]), training=True, eps=1e-12)
    expected = torch.tensor([-2.0, 0.0, 0.0, 0.0, 0.0, 2.0]) / (8 / 3) ** 0.5
    assert torch.allclose(result, torch.stack([expected, 3 * expected])[None], atol=1e-6)


def test_a_batch_norm_with_statistics_of_its_own_has_its_turn_and_is_left_alone() -> None:
    with KeptNorm([None, Kept(KEPT, None, 1)]):
        results = [functional.batch_norm(X, SCALE, SHIFT.abs()), X.mean(1)]
    assert torch.equal(results[0], functional.batch_norm(X, SCALE, SHIFT.abs()))
    assert torch.allclose(results[1], X[:, KEPT].mean(1))
