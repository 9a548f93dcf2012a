from pathlib import Path

import pytest
from measure.task import TASKS, job_of, parser

from cpruner.data import Digits
from cpruner.model import SmallResNet
from cpruner.model.zoo import NAMED


def test_digits_need_no_files() -> None:
    job = job_of(parser("a benchmark").parse_args([]))
    assert isinstance(job.data, Digits)
    assert isinstance(job.model, SmallResNet)


def test_what_the_user_says_comes_last() -> None:
    options = parser(None).parse_args(["--seeds", "2", "search.evaluations=7"])
    job = job_of(options, "search.evaluations=5", "seed=3")
    assert (options.seeds, job.search.evaluations, job.seed) == (2, 7, 3)


FAMILY = {"vgg16": "cifar_vgg16_bn"}


@pytest.mark.parametrize("task", [task for task in TASKS if task != "digits"])
def test_cifar_tasks_take_their_files(task: str, tmp_path: Path) -> None:
    data, weights = tmp_path / "cifar10.npz", tmp_path / "net.safetensors"
    for file in (data, weights):
        file.touch()
    job = job_of(parser(None).parse_args(["--task", task, "--data", str(data), "--weights", str(weights)]))
    assert type(job.model) is type(NAMED[FAMILY.get(task, task)])
    assert str(weights) in repr(job.model)
    assert str(data) in repr(job.data)


@pytest.mark.parametrize("given", [[], ["--data", "x.npz"], ["--weights", "x.safetensors"]])
def test_cifar_tasks_without_their_files_are_refused(given: list[str]) -> None:
    with pytest.raises(SystemExit, match="needs --data"):
        job_of(parser(None).parse_args(["--task", "resnet20", *given]))


@pytest.mark.parametrize("task", ["vgg16", "mobilenet_v1"])
def test_networks_without_published_weights_are_trained(task: str, tmp_path: Path) -> None:
    data = tmp_path / "cifar10.npz"
    data.touch()
    job = job_of(parser(None).parse_args(["--task", task, "--data", str(data)]))
    assert not job.model.pretrained
    assert job.dense.epochs > 0
