"""Disjoint parts of a labelled set that all have its class proportions. Axis letter: N images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cpruner.errors import InputError

Indices = NDArray[np.int64]


def stratified(labels_N: Indices, sizes: Sequence[int], generator: np.random.Generator) -> tuple[Indices, ...]:
    """Draw disjoint parts at random, each with the class proportions of the whole.

    The j-th of the n_c images of class c (in random order) gets the key (j + 1/2) / n_c. Sorted by key, every run of
    consecutive images holds every class in proportion, give or take one image; the parts are consecutive runs.

    Args:
        labels_N: Class number of every image.
        sizes: Number of images of every part; together at most N.
        generator: Source of all randomness.

    Returns:
        One array of indices into ``labels_N`` per part, sorted.

    Raises:
        InputError: If a size is not positive or there are too few images.
    """
    if min(sizes) < 1 or sum(sizes) > len(labels_N):
        raise InputError(
            "split sizes",
            expected=f"positive sizes that add up to at most {len(labels_N)}, the number of images",
            got=" + ".join(str(size) for size in sizes),
            remedy="Ask for fewer images, or give more.",
        )
    shuffled_N = generator.permutation(len(labels_N))
    key_N = np.empty(len(labels_N))
    for label in np.unique(labels_N):
        own = np.flatnonzero(labels_N[shuffled_N] == label)
        key_N[own] = (np.arange(len(own)) + 0.5) / len(own)
    order_N = shuffled_N[np.argsort(key_N, kind="stable")]
    ends = np.cumsum(sizes)
    return tuple(np.sort(order_N[end - size : end]) for end, size in zip(ends, sizes, strict=True))
