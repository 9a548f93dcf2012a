import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.repair.refit.shrinkage import likeliest_ridge, relative_ridge
from cpruner.repair.statistics.moment import Moments, moments, refit, ridge


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(noise: float, *, count: int = 40, inputs: int = 30, outputs: int = 3) -> tuple[Moments, Tensor, Tensor]:
    """Moments of a few rows, the weights as cut, and the right ones, which differ from them by 1 / sqrt(inputs)."""
    x, prior = normal(1, 1, count, inputs) + 2, normal(2, 1, inputs, outputs)
    right = prior + normal(3, 1, inputs, outputs) / inputs**0.5
    return moments(x, x @ right + noise * normal(4, 1, count, outputs) - 1), prior, right


def distance(stats: Moments, prior: Tensor, right: Tensor, ridge_G: Tensor) -> float:
    """Expected squared error on new rows of unit variance, per output."""
    return float((refit(stats, damping=ridge_G, prior=prior)[0] - right).square().sum() / right.shape[-1])


def log_evidence(stats: Moments, prior: Tensor, value: float) -> float:
    """The likelihood of the rows for one ridge, at the best variance for it; by eigenvalues (Bishop 2006, eq. 3.86)."""
    value_D, vector_DD = np.linalg.eigh(stats.A_GDD[0].numpy())
    rest = (stats.B_GDO - stats.A_GDD @ prior)[0].numpy()
    spread = float(stats.variance_GO.sum() - (prior * (stats.B_GDO + torch.from_numpy(rest))).sum())
    misfit = spread - float(((vector_DD.T @ rest) ** 2).sum(1) @ (1 / (value_D + value)))
    return -rest.shape[1] * (stats.rows * np.log(misfit) + np.log1p(value_D.clip(0) / value).sum())


@pytest.mark.parametrize("noise", [0.1, 1.0, 2.0])
def test_the_ridge_is_where_the_rows_are_most_likely(noise: float) -> None:
    """Against a search over a grid; inputs up to 64 have no random numbers in them."""
    stats, prior, _ = problem(noise)
    found = float(likeliest_ridge(stats, 1e-9, prior, intercept=True, updates=100))
    grid = found * np.geomspace(1e-3, 1e3, 61)
    best = max(grid, key=lambda value: log_evidence(stats, prior, value))
    assert best == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("noise", [0.01, 0.3, 1.0, 3.0])
def test_it_is_near_the_best_for_new_rows(noise: float) -> None:
    """Never twice as far from the right weights as the best ridge, and never worse than no refit by half."""
    stats, prior, right = problem(noise)
    found = distance(stats, prior, right, likeliest_ridge(stats, 1e-9, prior, intercept=True, updates=20))
    grid = [distance(stats, prior, right, ridge(stats.A_GDD, float(value))) for value in np.geomspace(1e-9, 1e3, 40)]
    as_cut = float((prior - right).square().sum() / 3)
    assert found < 2 * min(grid)
    assert found < 1.5 * as_cut


def test_targets_that_follow_from_the_inputs_need_no_ridge() -> None:
    stats, prior, right = problem(0.0)
    found = likeliest_ridge(stats, 1e-9, prior, intercept=True, updates=10)
    assert torch.allclose(found, ridge(stats.A_GDD, 1e-9))
    assert distance(stats, prior, right, found) < 1e-6


def test_weights_that_are_right_already_stay() -> None:
    stats, _, right = problem(0.0)
    found = likeliest_ridge(stats, 1e-9, right, intercept=True, updates=3)
    assert distance(stats, right, right, found) < 1e-12


def test_targets_that_are_noise_change_little() -> None:
    """The best ridge is infinite; every update comes nearer."""
    stats, prior, _ = problem(100.0)
    changes = []
    for updates in (0, 1, 3, 10, 100):
        found = likeliest_ridge(stats, 1e-9, prior, intercept=True, updates=updates)
        changes.append(float((refit(stats, damping=found, prior=prior)[0] - prior).norm()))
    assert changes == sorted(changes, reverse=True)
    assert changes[2] < 0.2 * changes[0]
    assert changes[4] < 0.05 * changes[0]


def test_without_updates_it_is_the_damping() -> None:
    stats, prior, _ = problem(1.0)
    assert torch.equal(likeliest_ridge(stats, 0.5, prior, intercept=True, updates=0), ridge(stats.A_GDD, 0.5))


@pytest.mark.parametrize("inputs", [65, 200])
def test_many_inputs_and_outputs_are_sampled(inputs: int) -> None:
    """Random signs stand for outputs and trace: about the same ridge as by eigenvalues."""
    stats, prior, _ = problem(1.0, count=300, inputs=inputs, outputs=80)
    found = float(likeliest_ridge(stats, 1e-9, prior, intercept=True, updates=30))
    grid = found * np.geomspace(0.1, 10, 41)
    best = max(grid, key=lambda value: log_evidence(stats, prior, value))
    assert best == pytest.approx(found, rel=0.4)


def test_groups_have_ridges_of_their_own() -> None:
    (one, prior, _), (other, _, _) = problem(0.1), problem(10.0)
    pairs = zip(vars(one).values(), list(vars(other).values())[:-1], strict=False)
    both = Moments(*(torch.cat(pair) for pair in pairs), one.rows)
    found = likeliest_ridge(both, 1e-9, torch.cat([prior, prior]), intercept=True, updates=3)
    alone = [likeliest_ridge(stats, 1e-9, prior, intercept=True, updates=3) for stats in (one, other)]
    assert torch.allclose(found, torch.cat(alone))


def test_without_intercept_means_count() -> None:
    stats, prior, _ = problem(1.0)
    raw = stats.uncentred()
    found = likeliest_ridge(stats, 1e-9, prior, intercept=False, updates=3)
    assert torch.equal(found, likeliest_ridge(raw, 1e-9, prior, intercept=True, updates=3))


@given(st.integers(1, 3), st.integers(1, 80), st.integers(1, 40), st.integers(0, 3))
def test_always_finite_and_in_bounds(rows: int, inputs: int, outputs: int, seed: int) -> None:
    """One row, constant inputs, constant outputs."""
    x, y = normal(seed, 1, rows, inputs), normal(seed + 1, 1, rows, outputs)
    for stats in (moments(x, y), moments(0 * x, y), moments(x, 0 * y)):
        found = likeliest_ridge(stats, 1e-4, normal(5, 1, inputs, outputs), intercept=True, updates=3)
        assert bool((found >= ridge(stats.A_GDD, 1e-4)).all())
        assert bool((found <= ridge(stats.A_GDD, 1e3)).all())


def test_the_same_twice_and_no_random_state_is_touched() -> None:
    stats, prior, _ = problem(1.0, count=300, inputs=100, outputs=80)
    before = torch.get_rng_state()
    one, two = (likeliest_ridge(stats, 1e-4, prior, intercept=True, updates=2) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(before, torch.get_rng_state())


def test_the_plain_ridge_grows_with_inputs_per_row() -> None:
    stats, _, _ = problem(1.0, count=60, inputs=30)
    assert relative_ridge(stats, 0.5, 0.0) == 0.5
    assert relative_ridge(stats, 0.5, 2.0) == pytest.approx(1.5)
