"""An order of labelled images of which every first part is like the whole. Axis letter: N images."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_QUANTILES = 5

Indices = NDArray[np.int64]


def margins(dense_NK: Tensor, labels_N: Tensor) -> Tensor:
    """How surely the dense network is right, shape (N,): the label's logit minus the largest other one.

    Negative where it is wrong; what is not finite counts as wrong beyond all others.
    """
    right_N = dense_NK.gather(1, labels_N[:, None])[:, 0]
    other_N = dense_NK.scatter(1, labels_N[:, None], -torch.inf).amax(1)
    return (right_N - other_N).nan_to_num(nan=-torch.inf)


def stratified_order(labels_N: Indices, margin_N: NDArray[np.floating], generator: np.random.Generator) -> Indices:
    """Order images so that every first part has about the classes and the difficulty of all.

    Inside a class the images are cut into equal quantiles of the margin and dealt out in rounds, one of each quantile
    per round, at random otherwise. The j-th of the n_c images of class c gets the key (j + 1/2) / n_c, and all are
    sorted by key. Proportional allocation never has a larger variance than simple random sampling where strata are
    large (Cochran 1977, section 5.6); what it is worth here is measured by benchmarks/judging.py.

    Args:
        labels_N: Class of every image.
        margin_N: Difficulty of every image; only its order inside a class matters.
        generator: Source of all randomness.

    Returns:
        A permutation of 0..N-1.
    """
    key_N = np.empty(len(labels_N))
    for label in np.unique(labels_N):
        own = np.flatnonzero(labels_N == label)
        dealt = _dealt(own[np.argsort(margin_N[own], kind="stable")], generator)
        key_N[dealt] = (np.arange(len(dealt)) + 0.5) / len(dealt)
    shuffled_N = generator.permutation(len(labels_N))  # else equal keys would always give the lowest class first
    return np.asarray(shuffled_N[np.argsort(key_N[shuffled_N], kind="stable")])


def _dealt(sorted_n: Indices, generator: np.random.Generator) -> Indices:
    """Deal sorted images out in rounds, one of each quantile per round, in a random order of the quantiles."""
    place = np.arange(len(sorted_n)) * _QUANTILES // len(sorted_n)
    turn = np.empty(len(sorted_n), dtype=np.int64)
    for quantile in range(_QUANTILES):
        members = np.flatnonzero(place == quantile)
        turn[members] = generator.permutation(len(members))
    return np.asarray(sorted_n[np.lexsort((generator.random(len(sorted_n)), turn))])
