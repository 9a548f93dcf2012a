"""The dense network of a job: with the weights it comes with, or trained on the spot and kept for the next run."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from cpruner.command.job import Job
from cpruner.data import Splits, data_cache
from cpruner.finetune import EpochLog, tune


def dense_network(
    job: Job, splits: Splits, device: torch.device, progress: Callable[[EpochLog], None] | None = None
) -> nn.Module:
    """Build the network; train it unless it has weights or was trained before with the same options.

    Args:
        job: Model, data, training options and seed.
        splits: The data; the best epoch is chosen on the search split, the test split is not touched.
        device: Where to train; the network is returned there.
        progress: Called after every epoch.
    """
    network = job.model.build(splits.classes, splits.example).to(device)
    if job.model.pretrained or job.dense.epochs == 0:
        return network
    path = cached(job)
    if path.is_file() and _restored(network, path):
        return network
    trained, _ = tune(network, splits.train, splits.search, job.dense, seed=job.seed, progress=progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    save_model(trained, str(part))
    os.replace(part, path)
    return trained


def cached(job: Job) -> Path:
    """Where the trained network of these options is kept."""
    options = repr((job.model, job.data, job.dense, job.seed))
    return data_cache() / "dense" / f"{hashlib.sha256(options.encode()).hexdigest()[:16]}.safetensors"


def _restored(network: nn.Module, path: Path) -> bool:
    """A damaged or outdated cache file is no error: the network is trained anew."""
    try:
        load_model(network, str(path), strict=True)
    except (SafetensorError, RuntimeError):
        return False
    network.eval()
    return True
