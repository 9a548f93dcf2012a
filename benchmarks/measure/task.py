"""The tasks that searches and repairs are measured on: digits, which come with scikit-learn, and CIFAR-10 networks."""

import argparse
from collections.abc import Iterable

from hydra import compose, initialize_config_module
from torch import Tensor

from cpruner.command import Job
from cpruner.data import TensorBatches
from cpruner.schema import register, to_job

_CIFAR = ("experiment=resnet20_cifar10",)
#: Networks nobody publishes weights of: trained on the spot, and kept by the command's own cache.
_TRAINED = ("dense.lr=0.1", "dense.warmup_epochs=1", "dense.amp=true")
TASKS = {
    "digits": (),
    "resnet20": _CIFAR,
    "resnet56": (*_CIFAR, "model=resnet56"),
    "vgg16": (*_CIFAR, "model=cifar_vgg16_bn", *_TRAINED, "dense.epochs=4"),
    "mobilenet_v1": (*_CIFAR, "model=mobilenet_v1", *_TRAINED, "dense.epochs=3"),
}
_PUBLISHED = ("resnet20", "resnet56")


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark of a task has."""
    found = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--task", choices=tuple(TASKS), default="digits")
    found.add_argument("--data", help="CIFAR-10: .npz or folder")
    found.add_argument("--weights", help="safetensors file of the dense network")
    found.add_argument("--seeds", type=int, default=3)
    found.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    found.add_argument("overrides", nargs="*", help="further options of the command")
    return found


def held(batches: Iterable[tuple[Tensor, Tensor]] | None) -> TensorBatches:
    """Batches of a task as what they are: images in memory, which can be drawn anew."""
    assert isinstance(batches, TensorBatches)  # noqa: S101 - those of the tasks are
    return batches


def job_of(options: argparse.Namespace, *further: str) -> Job:
    """The job of a task, composed as the command would.

    Args:
        options: What ``parser`` found.
        further: Overrides that come before the user's.
    """
    chosen = list(TASKS[options.task])
    if chosen:
        if not options.data or (options.task in _PUBLISHED and not options.weights):
            raise SystemExit(
                f"--task {options.task} needs --data (an .npz or folder), resnet20 and resnet56 also --weights"
            )
        chosen.append(f"data.path={options.data}")
        chosen += [f"model.weights={options.weights}"] if options.weights else []
    register()
    with initialize_config_module("cpruner.conf", version_base="1.3"):
        return to_job(compose("config", overrides=[*chosen, *further, *options.overrides]))
