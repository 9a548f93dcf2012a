import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.repair.moment import damped, error, inverse, moments, refit, solve


def rows(seed: int = 0, count: int = 60, inputs: int = 7, outputs: int = 3) -> tuple[Tensor, Tensor]:
    """Inputs with an offset that depend on each other, outputs with noise and an offset."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(inputs, inputs, generator=generator, dtype=torch.float64)
    x = torch.randn(count, inputs, generator=generator, dtype=torch.float64) @ mix + 3
    weight = torch.randn(inputs, outputs, generator=generator, dtype=torch.float64)
    return x, x @ weight + torch.randn(count, outputs, generator=generator, dtype=torch.float64) - 5


def test_moments_by_hand() -> None:
    x, y = torch.tensor([[1.0, 0.0], [3.0, 4.0]]).double(), torch.tensor([[1.0], [5.0]]).double()
    stats = moments(x, y)
    assert stats.mean_D.tolist() == [2, 2]
    assert stats.mean_O.tolist() == [3]
    assert stats.A_DD.tolist() == [[1, 2], [2, 4]]
    assert stats.B_DO.tolist() == [[2], [4]]
    assert stats.rows == 2


@given(st.integers(0, 100), st.integers(2, 3000))
def test_moments_are_the_covariances_of_numpy(seed: int, count: int) -> None:
    """Also over more rows than one chunk holds."""
    x, y = rows(seed, count)
    joint = np.cov(torch.cat([x, y], 1).T.numpy(), bias=True)
    stats = moments(x, y)
    assert np.allclose(stats.A_DD, joint[:7, :7], rtol=1e-9, atol=1e-9)
    assert np.allclose(stats.B_DO, joint[:7, 7:], rtol=1e-9, atol=1e-9)


def test_float32_rows_give_the_same_weights_to_a_ten_thousandth() -> None:
    x, y = rows(count=5000)
    kept = torch.tensor([0, 2, 3, 6])
    exact, _ = refit(moments(x, y), kept, 1e-4)
    single = moments(x.float(), y.float())
    assert single.A_DD.dtype == torch.float64
    rough, _ = refit(single, kept, 1e-4)
    assert (rough - exact).abs().max() < 1e-4 * exact.abs().max()


@given(st.integers(0, 1000), st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True))
def test_refit_is_least_squares_with_an_intercept(seed: int, kept: list[int]) -> None:
    x, y = rows(seed)
    weight, intercept = refit(moments(x, y), torch.tensor(kept), 0.0)
    design = np.concatenate([x[:, kept].numpy(), np.ones((len(x), 1))], 1)
    expected = np.linalg.lstsq(design, y.numpy(), rcond=None)[0]
    assert np.allclose(weight, expected[:-1], rtol=1e-6, atol=1e-6)
    assert np.allclose(intercept, expected[-1], rtol=1e-6, atol=1e-6)


@given(st.integers(0, 1000), st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True))
def test_refit_without_intercept_is_least_squares_through_the_origin(seed: int, kept: list[int]) -> None:
    x, y = rows(seed)
    weight, intercept = refit(moments(x, y), torch.tensor(kept), 0.0, intercept=False)
    expected = np.linalg.lstsq(x[:, kept].numpy(), y.numpy(), rcond=None)[0]
    assert np.allclose(weight, expected, rtol=1e-6, atol=1e-6)
    assert not intercept.any()


def test_the_ridge_pulls_towards_the_prior() -> None:
    """(A + r)(W - W0) = B - A W0, with r = damping times the mean diagonal."""
    x, y = rows()
    stats, kept = moments(x, y), torch.tensor([1, 4, 5])
    prior = torch.full((3, 3), 2.0, dtype=torch.float64)
    weight, _ = refit(stats, kept, 0.5, prior=prior)
    a_SS, b_SO = stats.A_DD[kept][:, kept], stats.B_DO[kept]
    ridge = 0.5 * a_SS.diagonal().mean() * torch.eye(3, dtype=torch.float64)
    assert torch.allclose((a_SS + ridge) @ (weight - prior), b_SO - a_SS @ prior)
    assert torch.allclose(refit(stats, kept, 1e12, prior=prior)[0], prior, atol=1e-6)


def test_a_prior_that_already_fits_is_returned_whatever_the_ridge() -> None:
    x, _ = rows()
    prior = torch.arange(21, dtype=torch.float64).reshape(7, 3)
    weight, intercept = refit(moments(x, x @ prior + 4), torch.arange(7), 10.0, prior=prior)
    assert torch.allclose(weight, prior)
    assert intercept.tolist() == pytest.approx([4, 4, 4])


def test_what_the_rows_do_not_determine_stays_as_it_was() -> None:
    """Two rows, seven inputs: the fit is exact and the distance to the prior smallest (that of the pseudo-inverse)."""
    x, y = rows(count=2)
    prior = torch.linspace(-1, 1, 21, dtype=torch.float64).reshape(7, 3)
    weight, intercept = refit(moments(x, y), torch.arange(7), 1e-9, prior=prior)
    assert torch.allclose(x @ weight + intercept, y, atol=1e-5)
    centred = x - x.mean(0)
    nearest = prior + torch.linalg.pinv(centred) @ (y - y.mean(0) - centred @ prior)
    assert torch.allclose(weight, nearest, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_inputs_that_are_mixtures_of_each_other_are_no_obstacle(seed: int) -> None:
    """Twelve mixtures of four inputs, so large that the smallest ridge is lost in rounding."""
    x, y = rows(seed, inputs=4)
    mixed = 1e4 * x @ torch.randn(4, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    stats = moments(mixed, y)
    assert int(torch.linalg.cholesky_ex(damped(stats.A_DD, 0.0)).info) > 0
    weight, intercept = refit(stats, torch.arange(12), 0.0)
    best, offset = refit(moments(x, y), torch.arange(4), 0.0)
    assert torch.allclose(mixed @ weight + intercept, x @ best + offset)
    assert torch.isfinite(inverse(stats.A_DD, 0.0)).all()


def test_solve_and_inverse_agree_with_numpy() -> None:
    x, y = rows()
    stats = moments(x, y)
    matrix = damped(stats.A_DD, 0.1).numpy()
    assert np.allclose(solve(stats.A_DD, stats.B_DO, 0.1), np.linalg.solve(matrix, stats.B_DO.numpy()))
    assert np.allclose(inverse(stats.A_DD, 0.1), np.linalg.inv(matrix))


def test_damping_is_relative_to_the_mean_diagonal() -> None:
    matrix = torch.diag(torch.tensor([1.0, 3.0], dtype=torch.float64))
    assert damped(matrix, 0.5).diagonal().tolist() == pytest.approx([2.0, 4.0])
    assert damped(torch.zeros(2, 2), 0.5).diagonal().tolist() == pytest.approx([1e-12, 1e-12])


def test_error_is_the_unexplained_share_of_the_variance() -> None:
    x, y = rows()
    stats, kept = moments(x, y), torch.tensor([0, 3])
    weight, intercept = refit(stats, kept, 0.0)
    residual = (y - x[:, kept] @ weight - intercept).square().mean(0).sum()
    variance = y.var(0, correction=0).sum()
    assert error(stats, kept, variance, 0.0) == pytest.approx(float(residual / variance), rel=1e-6)
    assert error(moments(x, x @ torch.ones(7, 2).double()), torch.arange(7), torch.tensor(1.0), 0.0) <= 1


def test_a_matrix_that_is_not_a_number_ends_and_stays_so() -> None:
    broken = torch.full((2, 2), torch.nan, dtype=torch.float64)
    assert not torch.isfinite(solve(broken, torch.ones(2, 1).double(), 0.0)).all()
