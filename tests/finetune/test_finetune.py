import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from cpruner.data import Digits, TensorBatches
from cpruner.errors import InputError
from cpruner.evaluate import score
from cpruner.finetune import EpochLog, FineTune, TrainingLog, tune
from cpruner.model import SmallResNet


def _blobs(seed: int, count: int = 60, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Points around (2, 0), (-1, 2) and (-1, -2), labelled with their centre."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.arange(count) % 3
    points = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])[truth] + torch.randn(count, 2, generator=generator)
    return points, truth if labels is None else labels


def _network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def _train(seed: int = 0) -> TensorBatches:
    return TensorBatches(*_blobs(0), batch_size=10, generator=torch.Generator().manual_seed(seed))


SEARCH = TensorBatches(*_blobs(1), batch_size=60)
SPEC = FineTune(epochs=4, lr=0.1)


def _equal(first: nn.Module, second: nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())


def test_learns_and_returns_the_state_its_log_speaks_of() -> None:
    network = _network()
    heard: list[EpochLog] = []
    tuned, log = tune(network, _train(), SEARCH, SPEC, seed=0, progress=heard.append)
    judged, start = score(tuned, SEARCH), score(network, SEARCH)
    kept = log.epochs[log.best_epoch - 1]
    assert judged.accuracy == kept.search_accuracy > 0.8
    assert judged.loss == kept.search_loss
    assert (log.start_accuracy, log.start_loss) == (start.accuracy, start.loss)
    assert tuple(heard) == log.epochs
    assert [epoch.epoch for epoch in log.epochs] == [1, 2, 3, 4]
    assert [epoch.lr for epoch in log.epochs] == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447], abs=1e-6)
    assert log.epochs[-1].train_loss < log.epochs[0].train_loss
    assert log.stopped == ""
    assert not any(module.training for module in tuned.modules())


def test_input_is_not_touched() -> None:
    network, teacher = _network().train(), _network(1).train()
    tune(network, _train(), SEARCH, SPEC, seed=0, teacher=teacher)
    assert _equal(network, _network())
    assert _equal(teacher, _network(1))
    assert network.training
    assert teacher.training
    assert all(parameter.grad is None for parameter in [*network.parameters(), *teacher.parameters()])


def test_same_seed_same_run_whatever_happened_before() -> None:
    before = torch.random.get_rng_state()
    train = _train(5)
    first, first_log = tune(_network(), train, SEARCH, SPEC, seed=3)
    list(train)
    again, again_log = tune(_network(), train, SEARCH, SPEC, seed=3)
    other, _ = tune(_network(), train, SEARCH, SPEC, seed=4)
    assert _equal(first, again)
    assert first_log == again_log
    assert not _equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_loaders_of_torch_are_reproducible_too() -> None:
    loader = DataLoader(TensorDataset(*_blobs(0)), batch_size=10, shuffle=True)
    runs = [tune(_network(), loader, [_blobs(1)], SPEC, seed=3) for _ in range(2)]
    assert _equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]


def test_no_epochs_is_a_copy() -> None:
    network = _network()
    tuned, log = tune(network, _train(), SEARCH, FineTune(epochs=0), seed=0)
    assert tuned is not network
    assert _equal(tuned, network)
    start = score(network, SEARCH)
    assert log == TrainingLog(start.accuracy, start.loss)


def test_start_is_kept_where_training_only_harms() -> None:
    trained, _ = tune(_network(), _train(), SEARCH, FineTune(epochs=10, lr=0.1), seed=0)
    wrong = TensorBatches(*_blobs(0, labels=(torch.arange(60) + 1) % 3), batch_size=10)
    kept, log = tune(trained, wrong, SEARCH, FineTune(epochs=3, lr=0.5), seed=0)
    assert log.best_epoch == 0
    assert log.epochs[-1].search_accuracy < log.start_accuracy
    assert _equal(kept, trained)


def test_ties_in_accuracy_go_to_the_lower_loss() -> None:
    point = [(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))]
    network = nn.Linear(2, 2)
    nn.init.eye_(network.weight)
    nn.init.zeros_(network.bias)
    _, log = tune(network, point, point, FineTune(epochs=3, lr=0.1), seed=0)
    assert [epoch.search_accuracy for epoch in log.epochs] == [1.0] * 3 == [log.start_accuracy] * 3
    assert log.best_epoch == 3


def test_patience() -> None:
    trained, _ = tune(_network(), _train(), SEARCH, FineTune(epochs=10, lr=0.1), seed=0)
    wrong = TensorBatches(*_blobs(0, labels=(torch.arange(60) + 1) % 3), batch_size=10)
    _, log = tune(trained, wrong, SEARCH, FineTune(epochs=9, lr=0.5, patience=2), seed=0)
    assert len(log.epochs) == 2
    assert log.stopped == "patience: no better search score in 2 epochs"


def test_divergence_stops_and_keeps_the_best() -> None:
    broken = [_blobs(0), (torch.full((2, 2), math.inf), torch.tensor([0, 1]))]
    network = _network()
    tuned, log = tune(network, broken, SEARCH, SPEC, seed=0)
    assert log.stopped == "diverged: the training loss of epoch 1 is not finite"
    assert log.epochs == ()
    assert _equal(tuned, network)


def test_teacher_changes_the_outcome_and_weight_zero_ignores_it() -> None:
    teacher = _network(9)
    alone, _ = tune(_network(), _train(), SEARCH, SPEC, seed=0)
    led, _ = tune(_network(), _train(), SEARCH, SPEC, seed=0, teacher=teacher)
    ignoring, _ = tune(
        _network(), _train(), SEARCH, FineTune(epochs=4, lr=0.1, distill_weight=0), seed=0, teacher=teacher
    )
    assert not _equal(alone, led)
    assert _equal(alone, ignoring)


class _Stream(IterableDataset[tuple[Tensor, Tensor]]):
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(*_blobs(0), strict=True)


def test_streams_of_unknown_length_will_do() -> None:
    _, log = tune(_network(), DataLoader(_Stream(), batch_size=20), SEARCH, SPEC, seed=0)
    assert log.epochs[log.best_epoch - 1].search_accuracy > 0.8


def test_generators_that_are_used_up_are_named() -> None:
    with pytest.raises(InputError, match="epoch 2"):
        tune(_network(), (batch for batch in _train()), SEARCH, SPEC, seed=0)


def test_refuses_an_empty_search_split() -> None:
    with pytest.raises(InputError, match="at least one image"):
        tune(_network(), _train(), [], SPEC, seed=0)


def test_interrupts_go_through_and_restore_the_generators() -> None:
    before = torch.random.get_rng_state()

    def interrupt(_epoch: EpochLog) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(_network(), _train(), SEARCH, SPEC, seed=0, progress=interrupt)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_trains_on_a_gpu_and_comes_back() -> None:
    before = torch.cuda.get_rng_state()
    tuned, log = tune(_network(), _train(), SEARCH, SPEC, seed=0, device="cuda", teacher=_network(1))
    assert next(tuned.parameters()).device.type == "cpu"
    assert log.epochs[log.best_epoch - 1].search_accuracy > 0.8
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_network_learns_the_digits(seed: int) -> None:
    splits = Digits().load(seed)
    network = SmallResNet(seed=seed).build(splits.classes, splits.example)
    tuned, _ = tune(
        network,
        splits.train,
        splits.search,
        FineTune(epochs=20, lr=0.2, warmup_epochs=2, label_smoothing=0.1),
        seed=seed,
    )
    assert score(tuned, splits.test).accuracy >= 0.98


def test_a_narrow_network_learns_most_digits_in_three_epochs() -> None:
    splits = Digits().load(0)
    network = SmallResNet(width=4, stages=2).build(splits.classes, splits.example)
    tuned, log = tune(network, splits.train, splits.search, FineTune(epochs=3, lr=0.2), seed=0)
    assert log.start_accuracy < 0.3
    assert score(tuned, splits.test).accuracy > 0.8
