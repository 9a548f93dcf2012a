from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.repair.statistics.moment import Moments, error, factor, inverse, merged, moments, portions, refit, ridge


def rows(seed: int = 0, count: int = 60, inputs: int = 7, outputs: int = 3, groups: int = 1) -> tuple[Tensor, Tensor]:
    """Inputs with an offset that depend on each other, outputs with noise and an offset: (G, M, D) and (G, M, O)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(groups, *shape, generator=generator, dtype=torch.float64)

    x = normal(count, inputs) @ normal(inputs, inputs) + 3
    return x, x @ normal(inputs, outputs) + normal(count, outputs) - 5


def streamed(x: Tensor, y: Tensor, sizes: list[int]) -> Moments:
    """Merged over chunks of these sizes, and one of what is left."""
    found: Moments | None = None
    ends = [0, *np.cumsum(sizes).tolist(), x.shape[1]]
    for low, high in pairwise(ends):
        if low < high:
            found = merged(found, moments(x[:, low:high], y[:, low:high]))
    assert found is not None
    return found


def joint(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Means and covariances of inputs and outputs side by side, in float64, by numpy; group 0."""
    both = np.asarray(torch.cat([x[0], y[0]], 1), dtype=np.float64)
    return torch.from_numpy(both.mean(0)), torch.from_numpy(np.cov(both.T, bias=True))


def test_moments_by_hand() -> None:
    x, y = torch.tensor([[[1.0, 0.0], [3.0, 4.0]]]).double(), torch.tensor([[[1.0], [5.0]]]).double()
    stats = moments(x, y)
    assert stats.mean_GD.tolist() == [[2, 2]]
    assert stats.mean_GO.tolist() == [[3]]
    assert stats.A_GDD.tolist() == [[[1, 2], [2, 4]]]
    assert stats.B_GDO.tolist() == [[[2], [4]]]
    assert stats.variance_GO.tolist() == [[4]]
    assert stats.rows == 2
    raw = stats.uncentred()
    assert raw.A_GDD.tolist() == [[[5, 6], [6, 8]]]
    assert raw.B_GDO.tolist() == [[[8], [10]]]
    assert raw.variance_GO.tolist() == [[13]]


@given(st.integers(0, 100), st.integers(2, 3000))
def test_moments_are_the_covariances_of_numpy(seed: int, count: int) -> None:
    """Also over more rows than one chunk holds."""
    x, y = rows(seed, count)
    (mean, covariance), stats = joint(x, y), moments(x, y)
    assert torch.allclose(torch.cat([stats.mean_GD, stats.mean_GO], 1)[0], mean, rtol=1e-9)
    assert torch.allclose(stats.A_GDD[0], covariance[:7, :7], rtol=1e-9, atol=1e-9)
    assert torch.allclose(stats.B_GDO[0], covariance[:7, 7:], rtol=1e-9, atol=1e-9)
    assert torch.allclose(stats.variance_GO[0], covariance.diagonal()[7:], rtol=1e-9)


@given(st.integers(0, 100), st.lists(st.integers(1, 25), max_size=8), st.integers(1, 3))
def test_moments_of_a_stream_are_those_of_all_rows(seed: int, sizes: list[int], groups: int) -> None:
    """Whatever the chunks, one row alone among them."""
    x, y = rows(seed, count=sum(sizes) + 4, groups=groups)
    one, other = streamed(x, y, sizes), moments(x, y)
    assert one.rows == other.rows == x.shape[1]
    for field in fields(Moments):
        if field.name != "rows":
            assert torch.allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sizes", [[], [100] * 39])
def test_float32_rows_far_from_zero(sizes: list[int]) -> None:
    """A mean a thousand times the spread.

    The float32 rows themselves are only good to 6e-5 of the spread; covariances are right to 1e-6 of the largest of
    those of the same rows in float64, where multiplying the rows without centring them would be off by 0.1.
    """
    x, y = (((values - values.mean(1, keepdim=True)) / values.std() + 1000).float() for values in rows(count=4000))
    _, exact = joint(x, y)
    stats = streamed(x, y, sizes)
    assert stats.A_GDD.dtype == torch.float64
    assert (stats.A_GDD[0] - exact[:7, :7]).abs().max() < 1e-6 * exact.max()
    assert (stats.B_GDO[0] - exact[:7, 7:]).abs().max() < 1e-6 * exact.max()
    naive = (x[0].T @ x[0] / 4000).double() - stats.mean_GD[0, :, None] * stats.mean_GD[0]
    assert (naive - exact[:7, :7]).abs().max() > 0.01 * exact.max()


def test_float32_rows_give_the_same_weights_to_a_ten_thousandth() -> None:
    x, y = rows(count=5000)
    kept = torch.tensor([0, 2, 3, 6])
    exact, _ = refit(moments(x, y), kept, 1e-4)
    rough, _ = refit(moments(x.float(), y.float()), kept, 1e-4)
    assert (rough - exact).abs().max() < 1e-4 * exact.abs().max()


def test_wide_rows_are_taken_in_small_portions() -> None:
    """768 channels with windows of 9 x 9: 67 rows make 4 million numbers."""
    assert [portions(inputs) for inputs in (27, 4608, 768 * 81, 10**9)] == [8192, 910, 67, 1]


def test_moments_of_some_groups_and_outputs() -> None:
    """Every group may keep other outputs."""
    x, y = rows(groups=3)
    some = moments(x, y).at(torch.tensor([0, 2]), torch.tensor([[0, 1], [2, 1]]))
    expected = moments(x[[0, 2]], torch.stack([y[0, :, [0, 1]], y[2, :, [2, 1]]]))
    for field in fields(Moments):
        if field.name != "rows":
            assert torch.allclose(getattr(some, field.name), getattr(expected, field.name)), field.name


@given(st.integers(0, 1000), st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True))
def test_refit_is_least_squares_with_an_intercept(seed: int, kept: list[int]) -> None:
    x, y = rows(seed)
    weight, intercept = refit(moments(x, y), torch.tensor(kept))
    design = np.concatenate([x[0][:, kept].numpy(), np.ones((x.shape[1], 1))], 1)
    expected = np.linalg.lstsq(design, y[0].numpy(), rcond=None)[0]
    assert np.allclose(weight[0], expected[:-1], rtol=1e-6, atol=1e-6)
    assert np.allclose(intercept[0], expected[-1], rtol=1e-6, atol=1e-6)


@given(st.integers(0, 1000), st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True))
def test_refit_without_intercept_is_least_squares_through_the_origin(seed: int, kept: list[int]) -> None:
    x, y = rows(seed)
    weight, intercept = refit(moments(x, y), torch.tensor(kept), intercept=False)
    expected = np.linalg.lstsq(x[0][:, kept].numpy(), y[0].numpy(), rcond=None)[0]
    assert np.allclose(weight[0], expected, rtol=1e-6, atol=1e-6)
    assert not intercept.any()


@given(st.integers(0, 100), st.floats(1e-6, 10.0))
def test_refit_is_ridge_regression(seed: int, damping: float) -> None:
    """As more rows of least squares: sqrt(M r) (W - W0) = 0, with r = damping times the mean variance of all inputs."""
    (x, y), kept = rows(seed), [1, 4, 5]
    centred, prior = x[0] - x[0].mean(0), np.full((3, 3), 2.0)
    root = np.sqrt(60 * damping * float(centred.square().mean())) * np.eye(3)
    design = np.concatenate([centred[:, kept].numpy(), root])
    aim = np.concatenate([(y[0] - y[0].mean(0)).numpy(), root @ prior])
    weight, _ = refit(moments(x, y), torch.tensor(kept), damping, prior=torch.from_numpy(prior)[None])
    assert np.allclose(weight[0], np.linalg.lstsq(design, aim, rcond=None)[0], rtol=1e-6, atol=1e-6)


def test_groups_are_regressions_of_their_own() -> None:
    x, y = rows(groups=3)
    weight, intercept = refit(moments(x, y), torch.tensor([0, 5]), 1e-3)
    for group in range(3):
        alone, offset = refit(moments(x[group, None], y[group, None]), torch.tensor([0, 5]), 1e-3)
        assert torch.allclose(weight[group], alone[0])
        assert torch.allclose(intercept[group], offset[0])


def test_all_inputs_are_kept_unless_said_otherwise() -> None:
    stats = moments(*rows())
    assert torch.equal(refit(stats, damping=0.1)[0], refit(stats, torch.arange(7), 0.1)[0])


def test_a_prior_that_already_fits_is_returned_whatever_the_ridge() -> None:
    x, _ = rows()
    prior = torch.arange(21, dtype=torch.float64).reshape(1, 7, 3)
    weight, intercept = refit(moments(x, x @ prior + 4), damping=10.0, prior=prior)
    assert torch.allclose(weight, prior)
    assert intercept[0].tolist() == pytest.approx([4, 4, 4])


def test_what_the_rows_do_not_determine_stays_as_it_was() -> None:
    """Two rows, seven inputs: the fit is exact and the distance to the prior smallest (that of the pseudo-inverse)."""
    x, y = rows(count=2)
    prior = torch.linspace(-1, 1, 21, dtype=torch.float64).reshape(1, 7, 3)
    weight, intercept = refit(moments(x, y), damping=1e-9, prior=prior)
    assert torch.allclose(x @ weight + intercept, y, atol=1e-5)
    centred = x - x.mean(1, keepdim=True)
    nearest = prior + torch.linalg.pinv(centred) @ (y - y.mean(1, keepdim=True) - centred @ prior)
    assert torch.allclose(weight, nearest, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_inputs_that_are_mixtures_of_each_other_are_no_obstacle(seed: int) -> None:
    """Twelve mixtures of four inputs, so large that the smallest ridge is lost in rounding."""
    x, y = rows(seed, inputs=4)
    mixed = 1e4 * x @ torch.randn(4, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    stats = moments(mixed, y)
    weight, intercept = refit(stats)
    best, offset = refit(moments(x, y))
    assert torch.allclose(mixed @ weight + intercept, x @ best + offset)
    assert torch.isfinite(inverse(stats.A_GDD[0], 0.0)).all()


def test_only_the_group_that_needs_it_gets_a_larger_ridge() -> None:
    """Where the ridge is raised the prior is pulled to as strongly."""
    indefinite = torch.tensor([[1.0, 2.0], [2.0, 1.0]]).double()
    lower, raised = factor(
        torch.stack([torch.eye(2).double(), indefinite]), torch.tensor([1e-3, 1e-3], dtype=torch.float64)
    )
    assert float(raised[0]) == 1e-3
    assert 1e-3 < raised[1] <= 1, "never above the scale of the matrix"
    assert torch.allclose(lower[0] @ lower[0].T, (1 + 1e-3) * torch.eye(2).double())


def test_inputs_that_never_move_keep_the_prior() -> None:
    """A channel that is dead on all images: there is no scale, and nothing to learn."""
    x, y = torch.zeros(1, 9, 2).double(), rows(count=9)[1]
    prior = torch.ones(1, 2, 3).double()
    weight, intercept = refit(moments(x, y), damping=1e-4, prior=prior)
    assert torch.allclose(weight, prior)
    assert torch.allclose(intercept, y.mean(1))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_matrix_that_is_not_a_number_ends_and_stays_so(value: float) -> None:
    broken = replace(moments(*rows()), A_GDD=torch.full((1, 7, 7), value).double())
    weight, _ = refit(broken, damping=1e-4)
    assert not torch.isfinite(weight).all()


def test_a_ridge_may_be_given_as_it_is() -> None:
    stats = moments(*rows(groups=2))
    given = torch.tensor([0.1, 0.3]).double()
    expected = [refit(moments(*(v[g, None] for v in rows(groups=2))), damping=given[g, None])[0][0] for g in (0, 1)]
    assert torch.allclose(refit(stats, damping=given)[0], torch.stack(expected))


def test_the_ridge_is_relative_to_the_mean_diagonal() -> None:
    matrix = torch.diag(torch.tensor([1.0, 3.0], dtype=torch.float64))[None]
    assert ridge(matrix, 0.5).tolist() == pytest.approx([1.0])
    assert ridge(0 * matrix, 0.5).tolist() == pytest.approx([1e-12])


def test_the_inverse_is_that_of_numpy() -> None:
    a = moments(*rows()).A_GDD[0]
    damped = a.numpy() + 0.1 * np.diag(a).mean() * np.eye(7)
    assert np.allclose(inverse(a, 0.1), np.linalg.inv(damped))


def test_error_is_the_unexplained_share_of_the_variance() -> None:
    (x, y), kept = rows(), torch.tensor([0, 3])
    weight, intercept = refit(moments(x, y), kept)
    residual = (y - x[..., kept] @ weight - intercept).square().mean(1).sum()
    variance = y.var(1, correction=0).sum()
    assert error(moments(x, y), kept, 0.0) == pytest.approx(float(residual / variance), rel=1e-6)
