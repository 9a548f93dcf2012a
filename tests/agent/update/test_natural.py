import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import functional_call
from updates import flat, float64, make_batch, make_policy, random_batch

from cpruner.agent import Attention, Bernoulli, Beta, Categorical, Gaussian, Perceptron, Recurrent, Squashed, Table
from cpruner.agent.update.natural import Fisher, conjugate_gradient, flat_gradient, learning, line_search

HEADS = [Gaussian(), Gaussian(learn_std=True), Squashed(learn_std=True), Beta(), Categorical(levels=3), Bernoulli()]
ENCODERS = [Perceptron(hidden=[3]), Recurrent(width=2), Attention(width=4, heads=2), Table()]


def dense(product, size):
    """The matrix behind a product."""
    return torch.stack([product(column) for column in torch.eye(size, dtype=torch.float64)], dim=1)


def hessian(policy, batch):
    """Of the mean KL(old || policy), by torch's own double differentiation."""
    names = [name for name, parameter in policy.named_parameters() if parameter.requires_grad]
    parts = dict(policy.named_parameters())
    sizes, shapes = [parts[name].numel() for name in names], [parts[name].shape for name in names]

    def divergence(flat_P):
        given = {n: v.view(s) for n, v, s in zip(names, flat_P.split(sizes), shapes, strict=True)}
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return batch.old.kl(functional_call(policy, given, (batch.seen,))).mean()

    start_P = torch.cat([parts[name].detach().reshape(-1) for name in names])
    return torch.autograd.functional.hessian(divergence, start_P)


def test_what_follows_a_schedule_does_not_learn():
    policy = make_policy(head=Gaussian())
    assert len(learning(policy)) == 2
    assert len(learning(make_policy(head=Gaussian(learn_std=True)))) == 3
    assert sum(parameter.numel() for parameter in learning(policy)) == len(flat(policy)) - 1


def test_gradients_are_flat_and_zero_where_nothing_depends():
    first, second = torch.nn.Parameter(float64([[1.0, 2.0], [3.0, 4.0]])), torch.nn.Parameter(float64([5.0]))
    slope_P = flat_gradient(first.T.square().sum(), [first, second])
    assert slope_P.tolist() == [2.0, 4.0, 6.0, 8.0, 0.0]


def test_gradients_can_be_taken_again_and_differentiated():
    x = torch.nn.Parameter(float64([2.0]))
    cube = (x**3).sum()
    assert flat_gradient(cube, [x], keep=True).tolist() == [12.0]
    slope_P = flat_gradient(cube, [x], twice=True)
    assert flat_gradient(slope_P.sum(), [x]).tolist() == [12.0]


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_fisher_products_are_those_of_the_hessian(head):
    policy = make_policy(head=head, encoder=ENCODERS[0], actions=2)
    batch = random_batch(policy, actions=2)
    size = sum(parameter.numel() for parameter in learning(policy))
    matrix = dense(Fisher(policy, batch.seen, batch.old, 0.0), size)
    assert torch.allclose(matrix, hessian(policy, batch), atol=1e-9)
    assert float(torch.linalg.eigvalsh(0.5 * (matrix + matrix.T)).min()) > -1e-9


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_every_encoder_can_be_differentiated_twice(encoder):
    policy = make_policy(encoder=encoder)
    batch = random_batch(policy)
    size = sum(parameter.numel() for parameter in learning(policy))
    matrix = dense(Fisher(policy, batch.seen, batch.old, 0.0), size)
    assert torch.allclose(matrix, hessian(policy, batch), atol=1e-9)
    assert float(matrix.abs().max()) > 0.0


def test_fisher_of_a_gaussian_by_hand():
    """The mean of J'J / std^2 over states, J = m (1 - m) (one-hot, 1): two weights and a bias."""
    policy = make_policy(head=Gaussian(initial_mean=0.5, initial_std=0.1))
    batch = random_batch(policy)
    mean_S = batch.old.centre_BA[:2, 0]
    slope_SP = (mean_S * (1.0 - mean_S))[:, None] * float64([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    expected = slope_SP.T @ slope_SP / 0.1**2 / 2.0
    assert torch.allclose(dense(Fisher(policy, batch.seen, batch.old, 0.0), 3), expected)
    damped = expected + 0.3 * torch.eye(3, dtype=torch.float64)
    assert torch.allclose(dense(Fisher(policy, batch.seen, batch.old, 0.3), 3), damped)


@given(seed=st.integers(0, 10**6), size=st.integers(1, 8), rank=st.integers(1, 8))
def test_conjugate_gradients_solve_what_dense_algebra_solves(seed, size, rank):
    generator = np.random.default_rng(seed)
    factor, target = generator.standard_normal((size, rank)), generator.standard_normal(size)
    matrix = factor @ factor.T + 0.1 * np.eye(size)
    answer_P = conjugate_gradient(lambda v: torch.from_numpy(matrix) @ v, torch.from_numpy(target), 3 * size)
    assert answer_P.numpy() == pytest.approx(np.linalg.solve(matrix, target), rel=1e-6, abs=1e-8)


def test_conjugate_gradients_need_no_more_products_than_dimensions():
    products = []

    def product(vector_P):
        products.append(vector_P)
        return float64([1.0, 2.0, 5.0]) * vector_P

    answer_P = conjugate_gradient(product, float64([1.0, 1.0, 1.0]), 100)
    assert answer_P.tolist() == pytest.approx([1.0, 0.5, 0.2])
    assert len(products) == 3


def test_one_iteration_is_steepest_descent():
    answer_P = conjugate_gradient(lambda v: float64([1.0, 3.0]) * v, float64([1.0, 1.0]), 1)
    assert answer_P.tolist() == pytest.approx([0.5, 0.5])


def test_nothing_is_solved_by_nothing():
    assert conjugate_gradient(lambda v: v, float64([0.0, 0.0]), 10).tolist() == [0.0, 0.0]


def moved(accept, tries=3):
    policy = make_policy()
    batch = make_batch(policy, [[0.5], [0.5]], [0.0, 0.0])
    before = flat(policy)
    step_P = float64([1.0, 2.0, 3.0])
    fraction = line_search(policy, batch.seen, step_P, accept, 0.5, tries)
    return policy, before, fraction


def test_line_search_goes_the_first_accepted_fraction():
    tried = []

    def accept(law, fraction):
        tried.append((fraction, float(law.centre_BA[0, 0])))
        return fraction < 0.6

    policy, before, fraction = moved(accept)
    assert fraction == 0.5
    assert [t for t, _ in tried] == [1.0, 0.5]
    assert tried[0][1] > tried[1][1] > 0.5
    change_P = (flat(policy) - before).tolist()
    # of the head: standard deviation, which does not learn, then weights and bias
    assert sorted(change_P) == pytest.approx([0.0, 0.5, 1.0, 1.5])


def test_line_search_that_is_refused_goes_nowhere():
    policy, before, fraction = moved(lambda law, fraction: False)
    assert fraction == 0.0
    assert torch.equal(flat(policy), before)


def test_parameters_stay_separate_after_a_step():
    policy, _, _ = moved(lambda law, fraction: True)
    places = {parameter.untyped_storage().data_ptr() for parameter in policy.parameters()}
    assert len(places) == len(list(policy.parameters()))
    assert not any(parameter.is_inference() or parameter.grad_fn for parameter in policy.parameters())
