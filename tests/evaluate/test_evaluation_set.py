import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cpruner.data import TensorBatches
from cpruner.errors import InputError
from cpruner.evaluate import digest, score
from cpruner.evaluate.evaluation_set import Gathered, Streamed, examine

GENERATOR = torch.Generator().manual_seed(0)
IMAGES, LABELS = torch.randn(23, 5, generator=GENERATOR), torch.randint(5, (23,), generator=GENERATOR)
DATA = TensorBatches(IMAGES, LABELS, 10)
NETWORK = nn.Linear(5, 5)
nn.init.eye_(NETWORK.weight)
PLENTY, NOTHING = 2**20, 0


def test_what_fits_is_gathered_with_the_answers_of_the_dense_network() -> None:
    dense, images = examine(NETWORK, DATA, PLENTY)
    assert isinstance(images, Gathered)
    assert dense == score(NETWORK, DATA)
    assert torch.equal(images.inputs_N, IMAGES)
    assert torch.equal(images.labels_N, LABELS)
    torch.testing.assert_close(images.dense_NK, NETWORK(IMAGES))
    assert images.total == 23


@pytest.mark.parametrize("memory", [PLENTY, NOTHING])
def test_a_data_loader_will_do(memory: int) -> None:
    dense, images = examine(NETWORK, DataLoader(TensorDataset(IMAGES, LABELS), batch_size=8), memory)
    assert dense.images == 23
    for part, expected in zip(zip(*images.batches(8), strict=True), (IMAGES, LABELS, images.dense_NK), strict=True):
        assert torch.equal(torch.cat(part), expected)  # type: ignore[arg-type]


def test_the_limit_is_the_size_of_the_images() -> None:
    assert isinstance(examine(NETWORK, DATA, IMAGES.nbytes)[1], Gathered)
    assert isinstance(examine(NETWORK, DATA, IMAGES.nbytes - 1)[1], Streamed)


def test_gathered_batches_are_equal_and_no_larger_than_asked_for() -> None:
    _, images = examine(NETWORK, DATA, PLENTY)
    batches = list(images.batches(9))
    assert [len(labels) for _, labels, _ in batches] == [8, 8, 7]
    assert torch.equal(torch.cat([inputs for inputs, _, _ in batches]), IMAGES)
    assert [len(labels) for _, labels, _ in images.batches(23)] == [23]


def test_an_order_moves_images_labels_and_answers_together() -> None:
    _, images = examine(NETWORK, DATA, PLENTY)
    assert isinstance(images, Gathered)
    order = torch.tensor([4, 0, 22])
    some = images.ordered(order)
    assert some.total == 3
    assert torch.equal(some.inputs_N, IMAGES[order])
    assert torch.equal(some.labels_N, LABELS[order])
    assert torch.equal(some.dense_NK, images.dense_NK[order])


def test_streamed_batches_are_the_loaders_own_up_to_the_total() -> None:
    _, images = examine(NETWORK, DATA, NOTHING)
    assert isinstance(images, Streamed)
    assert [len(labels) for _, labels, _ in images.batches(2)] == [8, 8, 7]
    few = Streamed(DATA, images.labels_N, images.dense_NK, 12, 8)
    batches = list(few.batches(2))
    assert [len(labels) for _, labels, _ in batches] == [8, 4]
    for part, expected in zip(zip(*batches, strict=True), (IMAGES, LABELS, images.dense_NK), strict=True):
        assert torch.equal(torch.cat(part), expected[:12])  # type: ignore[arg-type]


def test_a_loader_in_another_order_is_not_compared_with_the_dense_network() -> None:
    shuffled = TensorBatches(IMAGES, LABELS, 10, torch.Generator().manual_seed(1))
    _, images = examine(NETWORK, shuffled, NOTHING)
    assert all(dense is None for _, _, dense in images.batches(2))


def test_fingerprints_tell_apart_what_is_judged_on() -> None:
    _, images = examine(NETWORK, DATA, PLENTY)
    assert isinstance(images, Gathered)
    other = Gathered(IMAGES + 1e-6, images.labels_N, images.dense_NK)
    _, streamed = examine(NETWORK, DATA, NOTHING)
    assert isinstance(streamed, Streamed)
    few = Streamed(DATA, streamed.labels_N, streamed.dense_NK, 12, 8)
    prints = [one.fingerprint for one in (images, other, images.ordered(torch.arange(22)), streamed, few)]
    assert len(set(prints)) == 5
    assert images.ordered(torch.arange(23)).fingerprint == images.fingerprint


def test_digests_see_type_shape_and_content() -> None:
    zeros = torch.zeros(2, 3)
    assert digest(zeros) == digest(torch.zeros(2, 3))
    different = [zeros, zeros.T, zeros.double(), zeros + 1]
    assert len({digest(one) for one in different}) == 4


def test_the_network_comes_back_as_it_was() -> None:
    network = nn.Sequential(nn.Dropout(0.5), NETWORK).train()
    examine(network, DATA, PLENTY)
    assert network.training


@pytest.mark.parametrize(
    ("batches", "named"),
    [([], "at least one image"), ([(torch.zeros(2, 5), torch.tensor([0, 5]))], r"class numbers in 0\.\.4")],
)
def test_refuses_what_cannot_be_judged(batches: list[tuple[torch.Tensor, torch.Tensor]], named: str) -> None:
    with pytest.raises(InputError, match=named):
        examine(NETWORK, batches, PLENTY)
