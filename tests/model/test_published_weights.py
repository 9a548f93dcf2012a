"""The published CIFAR ResNets reach their published accuracy: data, normalisation, architecture and weights all fit."""

from pathlib import Path

import pytest
from torch import nn

from cpruner.data import Cifar10, Splits, TensorBatches
from cpruner.evaluate import score
from cpruner.model import CifarResNet

pytestmark = pytest.mark.cifar


@pytest.fixture(scope="module")
def splits(cifar_npz: Path) -> Splits:
    return Cifar10(path=str(cifar_npz)).load(seed=0)


def _network(splits: Splits, weights: Path, depth: int) -> nn.Module:
    file = str(weights / f"resnet{depth}-cifar10.safetensors")
    return CifarResNet(depth, weights=file).build(splits.classes, splits.example)


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "correct"), [(20, 9173), (56, 9339)])
def test_accuracy_on_all_test_images(splits: Splits, shared_weights: Path, depth: int, correct: int) -> None:
    result = score(_network(splits, shared_weights, depth), splits.test)
    assert result.images == 10_000
    assert round(result.accuracy * result.images) == correct


def test_accuracy_on_the_first_thousand(splits: Splits, shared_weights: Path) -> None:
    """To the image: the two greatest logits of each are at least 0.01 apart."""
    test = splits.test
    assert isinstance(test, TensorBatches)
    first = TensorBatches(test.images[:1000], test.labels[:1000], 200, normalise=test.normalise)
    result = score(_network(splits, shared_weights, 20), first)
    assert round(result.accuracy * result.images) == 903
