import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.data import Batches, Normalise, TensorBatches
from cpruner.errors import InputError


def _numbered(count: int) -> tuple[Tensor, Tensor]:
    """Images whose only pixel is their number, labelled with it."""
    return torch.arange(count).view(-1, 1, 1, 1).float(), torch.arange(count)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(count=st.integers(1, 40), size=st.integers(1, 50), shuffled=st.booleans())
def test_every_image_once_in_batches_of_equal_size(count: int, size: int, shuffled: bool) -> None:
    batches: Batches = TensorBatches(*_numbered(count), size, _generator() if shuffled else None)
    seen = list(batches)
    sizes = [len(labels) for _, labels in seen]
    assert len(seen) == len(batches)
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    labels = torch.cat([labels for _, labels in seen])
    assert sorted(labels.tolist()) == list(range(count))
    assert torch.equal(torch.cat([inputs for inputs, _ in seen]).flatten(), labels.float())
    if not shuffled:
        assert labels.tolist() == list(range(count))


def test_batch_sizes_by_hand() -> None:
    assert [len(labels) for _, labels in TensorBatches(*_numbered(10), 4)] == [4, 3, 3]
    assert [len(labels) for _, labels in TensorBatches(*_numbered(65), 64)] == [33, 32]


def test_passes_differ_and_reseeding_starts_anew() -> None:
    batches = TensorBatches(*_numbered(30), 30, _generator(1))
    first, second = (next(iter(batches))[1].tolist() for _ in range(2))
    assert first != second
    again = batches.reseeded(1)
    assert next(iter(again))[1].tolist() == first
    assert next(iter(again))[1].tolist() == second
    assert next(iter(batches.reseeded(2)))[1].tolist() != first


def test_unshuffled_batches_have_nothing_to_reseed() -> None:
    batches = TensorBatches(*_numbered(3), 2)
    assert batches.reseeded(5) is batches


def test_images_are_augmented_before_they_are_normalised() -> None:
    white = torch.full((64, 1, 2, 2), 255, dtype=torch.uint8)
    batches = TensorBatches(
        white, torch.zeros(64, dtype=torch.int64), 64, _generator(), augment=True, normalise=Normalise((0.5,), (0.5,))
    )
    (inputs, _labels) = next(iter(batches))
    assert inputs.unique().tolist() == [-1.0, 1.0]  # padding is black: (0 - 0.5) / 0.5
    assert white.min() == 255


def test_what_is_yielded_can_be_changed_without_changing_the_data() -> None:
    images, labels = _numbered(2)
    for inputs, _ in TensorBatches(images, labels, 2):
        inputs.zero_()
    assert images.flatten().tolist() == [0, 1]


def test_moving_keeps_order_and_options() -> None:
    batches = TensorBatches(*_numbered(5), 2, _generator())
    moved = batches.to(torch.device("meta"))
    assert moved.images.device.type == "meta"
    assert moved.labels.device.type == "meta"
    assert moved.generator is batches.generator
    assert len(moved) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_same_batches_on_a_gpu() -> None:
    images = torch.rand(9, 3, 6, 6, generator=_generator())
    batches = TensorBatches(images, torch.arange(9), 4, _generator(1), augment=True)
    moved = batches.reseeded(1).to(torch.device("cuda"))
    for (inputs, labels), (other, other_labels) in zip(batches, moved, strict=True):
        assert torch.equal(inputs, other.cpu())
        assert torch.equal(labels, other_labels.cpu())


@pytest.mark.parametrize(
    ("labels", "size", "augment", "what"),
    [
        (torch.zeros(2, dtype=torch.int64), 1, False, "labels"),
        (torch.zeros(3), 1, False, "labels"),
        (torch.zeros(3, 1, dtype=torch.int64), 1, False, "labels"),
        (torch.zeros(3, dtype=torch.int64), 0, False, "batch_size"),
        (torch.zeros(3, dtype=torch.int64), 1, True, "augment"),
    ],
)
def test_refuses_what_does_not_fit(labels: Tensor, size: int, augment: bool, what: str) -> None:
    with pytest.raises(InputError, match=what):
        TensorBatches(torch.zeros(3, 1, 2, 2), labels, size, augment=augment)


def test_refuses_no_images() -> None:
    with pytest.raises(InputError, match="0 images"):
        TensorBatches(*_numbered(0), 4)
