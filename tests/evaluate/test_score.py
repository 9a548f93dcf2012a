import math

import pytest
import torch
from torch import Tensor, nn

from cpruner.data import TensorBatches
from cpruner.errors import InputError
from cpruner.evaluate import Score, score
from cpruner.evaluate.score import Tally, divergence

IDENTITY = nn.Identity()  # logits are the inputs


def _batch(rows: list[list[float]], labels: list[int]) -> tuple[Tensor, Tensor]:
    return torch.tensor(rows), torch.tensor(labels)


def test_by_hand() -> None:
    # p(label): e^1/(e^1+1) = 0.7311 right, 1/2 tie goes to class 0, 1/(1+e^2) = 0.1192 wrong.
    batches = [_batch([[1.0, 0.0], [0.0, 0.0]], [0, 0]), _batch([[2.0, 0.0]], [1])]
    expected = -(math.log(0.7310586) + math.log(0.5) + math.log(0.1192029)) / 3
    result = score(IDENTITY, batches)
    assert (result.accuracy, result.images) == (2 / 3, 3)
    assert result.loss == pytest.approx(expected, rel=1e-6)


def test_batching_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(23, 5, generator=generator), torch.randint(5, (23,), generator=generator)
    one, many = (score(IDENTITY, TensorBatches(images, labels, size)) for size in (23, 4))
    assert one.accuracy == many.accuracy
    assert one.loss == pytest.approx(many.loss, rel=1e-12)


@pytest.mark.parametrize("row", [[math.nan, 0.0], [math.inf, 0.0], [3.0, -math.inf]])
def test_logits_that_are_not_finite_are_wrong(row: list[float]) -> None:
    assert int(torch.tensor(row).argmax()) == 0  # by its largest logit alone the row would count as right
    result = score(IDENTITY, [_batch([[3.0, 0.0], row], [0, 0])])
    assert (result.accuracy, result.loss) == (0.5, math.inf)


def test_modes_are_restored_module_by_module() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5), nn.Linear(2, 2))
    network.train()
    network[0].eval()
    seen = []
    network[1].register_forward_hook(lambda module, _inputs, _out: seen.append(module.training))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    score(network, [_batch([[1.0, 2.0]], [0])])
    assert seen == [False]
    assert [module.training for module in network.modules()] == [True, False, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_modes_are_restored_after_an_error() -> None:
    network = nn.Linear(3, 2).train()
    with pytest.raises(RuntimeError):
        score(network, [_batch([[1.0, 2.0]], [0])])
    assert network.training


def test_no_gradients_are_recorded() -> None:
    recorded = []
    network = nn.Linear(2, 2)
    network.register_forward_hook(lambda _module, _inputs, out: recorded.append(out.requires_grad))
    score(network, [_batch([[1.0, 2.0]], [0])])
    assert recorded == [False]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_network_comes_back_from_the_gpu() -> None:
    network = nn.Linear(2, 2)
    batches = [_batch([[1.0, 2.0], [0.5, 0.0]], [0, 1])]
    there, here = score(network, batches, device="cuda"), score(network, batches)
    assert next(network.parameters()).device.type == "cpu"
    assert there.loss == pytest.approx(here.loss, rel=1e-5)


@pytest.mark.parametrize("batches", [[], [(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))]])
def test_refuses_no_images(batches: list[tuple[Tensor, Tensor]]) -> None:
    with pytest.raises(InputError, match="at least one image"):
        score(IDENTITY, batches)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (torch.zeros(2, 3, 4), [0, 1], r"logits of shape \(2, classes\).*got \(2, 3, 4\)"),
        (torch.zeros(3, 2), [0, 1], r"got \(3, 2\) for labels of shape \(2,\)"),
        (torch.zeros(2, 2), [0, 2], r"class numbers in 0\.\.1.*got 0\.\.2"),
        (torch.zeros(2, 2), [-100, 1], r"got -100\.\.1"),
    ],
)
def test_refuses_what_cannot_be_judged(inputs: Tensor, labels: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(IDENTITY, [(inputs, torch.tensor(labels))])


def test_refuses_outputs_that_are_no_tensor() -> None:
    with pytest.raises(InputError, match="got tuple"):
        score(nn.LSTM(2, 2, batch_first=True), [(torch.zeros(1, 2, 2), torch.tensor([0]))])


def test_scores_are_values() -> None:
    assert Score(0.5, 1.0, 2) == Score(0.5, 1.0, 2)
    assert len({Score(0.5, 1.0, 2), Score(0.5, 1.0, 2), Score(0.5, 1.0, 3)}) == 2


def test_divergence_by_hand() -> None:
    """KL((1/2, 1/2) || (1/4, 3/4)) = log(2 / sqrt(3)); the scale and shift of logits is that of their softmax."""
    dense, pruned = torch.tensor([[5.0, 5.0], [1.0, 0.0]]), torch.tensor([[0.0, math.log(3)], [3.0, 2.0]])
    assert divergence(dense, pruned).tolist() == pytest.approx([math.log(2 / math.sqrt(3)), 0.0], abs=1e-7)


def test_a_tally_compares_with_the_dense_network_only_if_all_batches_can_be() -> None:
    logits, labels, dense = torch.tensor([[0.0, math.log(3)]]), torch.tensor([1]), torch.zeros(1, 2)
    compared, half = Tally(), Tally()
    for tally, answers in ((compared, [dense, dense]), (half, [dense, None])):
        for answer in answers:
            tally.add(logits, labels, answer)
    assert compared.score().divergence == pytest.approx(math.log(2 / math.sqrt(3)))
    assert half.score().divergence is None
    assert (half.correct, half.images) == (2, 2)


def test_networks_that_come_apart_diverge_without_bound() -> None:
    tally = Tally()
    tally.add(torch.tensor([[math.nan, 0.0]]), torch.tensor([0]), torch.zeros(1, 2))
    assert tally.score().divergence == math.inf


def test_an_estimate_says_what_it_is() -> None:
    tally = Tally()
    tally.add(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert tally.score(abandoned=0.75) == Score(0.0, tally.score().loss, 1, None, 0.75)
    assert (tally.score().complete, tally.score(0.75).complete, tally.score(0.0).complete) == (True, False, False)
