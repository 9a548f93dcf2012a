from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_job import job, same, splits
from torch import nn

from cpruner.command import Job, dense, dense_network
from cpruner.data import Digits
from cpruner.evaluate import score
from cpruner.finetune import EpochLog, FineTune
from cpruner.model import SmallResNet

CPU = torch.device("cpu")
Count = list[tuple[Any, ...]]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Count:
    """An empty cache; the list grows by the options of every training, which adds 1 to the head's bias."""
    done: Count = []

    def tune(network: nn.Module, train: Any, search: Any, spec: FineTune, **options: Any) -> tuple[nn.Module, None]:
        done.append((spec, options["seed"]))
        with torch.no_grad():
            network.head.bias += 1  # type: ignore[operator, union-attr]
        return network, None

    monkeypatch.setenv("CPRUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dense, "tune", tune)
    return done


def test_training_really_trains_and_reports_every_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CPRUNER_CACHE", str(tmp_path))
    epochs: list[EpochLog] = []
    trained = dense_network(job(dense=FineTune(epochs=1, lr=0.2)), splits(), CPU, epochs.append)
    assert [log.epoch for log in epochs] == [1]
    assert score(trained, splits().search).accuracy == epochs[0].search_accuracy > 0.5


def test_the_second_run_finds_the_network_of_the_first(trainings: Count) -> None:
    first, second = (dense_network(job(seed=3), splits(), CPU) for _ in range(2))
    assert trainings == [(FineTune(epochs=1), 3)]
    assert same(first, second)
    assert not second.training
    assert [path.suffix for path in dense.cached(job(seed=3)).parent.iterdir()] == [".safetensors"]


CHANGES = {
    "model": {"model": SmallResNet(width=5)},
    "data": {"data": Digits(batch_size=32)},
    "training": {"dense": FineTune(epochs=1, lr=0.2)},
    "seed": {"seed": 1},
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_what_changes_the_network_changes_its_place(changed: dict[str, Any]) -> None:
    assert dense.cached(job(**changed)) != dense.cached(job())


def test_what_does_not_change_the_network_keeps_its_place() -> None:
    assert dense.cached(job(finetune=FineTune(epochs=9), job="other", budgets=())) == dense.cached(job())


SPOILERS: dict[str, Callable[[Path], Any]] = {
    "half a file": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "no tensors": lambda path: path.write_bytes(b"nonsense"),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_a_damaged_cache_is_made_anew(trainings: Count, spoil: Callable[[Path], Any]) -> None:
    good = dense_network(job(), splits(), CPU)
    spoil(dense.cached(job()))
    assert same(dense_network(job(), splits(), CPU), good)
    assert len(trainings) == 2
    assert same(dense_network(job(), splits(), CPU), good)
    assert len(trainings) == 2


def test_a_network_of_an_earlier_layout_is_trained_anew(trainings: Count) -> None:
    wide = job(model=SmallResNet(width=6))
    dense_network(wide, splits(), CPU)
    dense.cached(wide).rename(dense.cached(job()))
    assert dense_network(job(), splits(), CPU).stem[0].out_channels == 4  # type: ignore[index, union-attr]
    assert len(trainings) == 2


class Pretrained:
    pretrained = True

    def build(self, classes: int, example: torch.Tensor) -> nn.Module:
        return SmallResNet(width=4, inner=1).build(classes, example)


@pytest.mark.parametrize("given", [job(model=Pretrained()), job(dense=FineTune(epochs=0))], ids=["weights", "0 epochs"])
def test_some_networks_are_not_trained(trainings: Count, given: Job) -> None:
    fresh = SmallResNet(width=4, inner=1).build(10, splits().example)
    assert same(dense_network(given, splits(), CPU), fresh)
    assert trainings == []
    assert not dense.cached(replace(given, model=SmallResNet(width=4, inner=1))).exists()
