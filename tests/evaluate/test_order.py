import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.evaluate.order import margins, stratified_order


def test_margins_by_hand() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.5], [3.0, 1.0, 2.5], [0.0, 0.0, -1.0]])
    assert margins(logits, torch.tensor([0, 1, 0])).tolist() == [2.0, -2.0, 0.0]


@pytest.mark.parametrize("row", [[torch.nan, 0.0], [torch.inf, torch.inf]])
def test_what_is_not_finite_is_hardest(row: list[float]) -> None:
    assert margins(torch.tensor([row]), torch.tensor([0])).tolist() == [-np.inf]


def test_the_logits_stay_as_they_were() -> None:
    logits = torch.tensor([[3.0, 1.0]])
    margins(logits, torch.tensor([0]))
    assert logits.tolist() == [[3.0, 1.0]]


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=80), seed=st.integers(0, 99))
def test_every_prefix_has_the_classes_of_the_whole(labels: list[int], seed: int) -> None:
    label_N = np.array(labels)
    rng = np.random.default_rng(seed)
    order = stratified_order(label_N, rng.normal(size=len(labels)), rng)
    assert sorted(order.tolist()) == list(range(len(labels)))
    for count in range(1, len(labels)):
        for label in set(labels):
            expected = count * np.mean(label_N == label)
            assert abs(np.sum(label_N[order[:count]] == label) - expected) <= 1


def test_every_prefix_has_the_difficulty_of_the_whole() -> None:
    """Two classes of 25: after 10 images every fifth of either class has been met once, after 20 twice."""
    label_N, margin_N = np.repeat([0, 1], 25), np.tile(np.arange(25.0), 2)[::-1]
    order = stratified_order(label_N, margin_N, np.random.default_rng(0))
    for rounds in range(1, 6):
        prefix = order[: 10 * rounds]
        for label in (0, 1):
            quantile = margin_N[prefix[label_N[prefix] == label]] // 5
            assert np.bincount(quantile.astype(int), minlength=5).tolist() == [rounds] * 5


def test_a_seed_decides_the_rest() -> None:
    label_N, margin_N = np.repeat([0, 1], 50), np.linspace(0, 1, 100)
    one, two, other = (stratified_order(label_N, margin_N, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.tolist() == two.tolist() != other.tolist()


def test_prefixes_estimate_better_than_random_ones() -> None:
    """A candidate that is wrong on the hard half: over many draws, less than half the variance of random sampling."""
    rng = np.random.default_rng(0)
    label_N, margin_N = rng.integers(0, 4, 400), rng.normal(size=400)
    right_N = (margin_N + 0.3 * rng.normal(size=400)) > 0
    stratified = [right_N[stratified_order(label_N, margin_N, rng)[:40]].mean() for _ in range(60)]
    drawn = [right_N[rng.permutation(400)[:40]].mean() for _ in range(60)]
    whole = right_N.mean()
    assert abs(np.mean(stratified) - whole) < 0.02  # no bias
    assert np.mean((np.array(stratified) - whole) ** 2) < 0.5 * np.mean((np.array(drawn) - whole) ** 2)
