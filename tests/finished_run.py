"""A run directory as the command leaves it, made without a search: the small network cut to half of every group."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from tiny_job import UNTRAINED, composed, splits
from torch import nn

from cpruner.candidate import Candidate, materialise, save_artefact
from cpruner.command.certificate import write_limits
from cpruner.constraint import Reading, measure_dense, read
from cpruner.schema import to_job
from cpruner.space import trace


@cache
def _halved(*overrides: str) -> tuple[DictConfig, nn.Module, Candidate, Sequence[Reading]]:
    """Config, network, candidate and readings; made once, written many times."""
    config = composed(*UNTRAINED, *overrides)
    job = to_job(config)
    model, inputs = job.model.build(10, splits().example), (splits().example,)
    candidate = trace(model, splits().example).uniform(0.5)
    small = materialise(model, candidate)
    return config, small, candidate, read(job.budgets, small, inputs, measure_dense(job.budgets, model, inputs))


def finished(run_dir: Path, *overrides: str) -> Path:
    """Write config, artefact and limits; the budgets are those of the config, measured on the dense network."""
    config, small, candidate, readings = _halved(*overrides)
    (run_dir / "config").mkdir(parents=True)
    OmegaConf.save(config, run_dir / "config" / "config.yaml")
    save_artefact(run_dir, small, candidate)
    write_limits(run_dir, readings)
    return run_dir
