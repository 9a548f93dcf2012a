"""A run directory as the command leaves it, made without a search: the small network cut to half of every group."""

from pathlib import Path

from omegaconf import OmegaConf
from tiny_job import UNTRAINED, composed, splits

from cpruner.candidate import materialise, save_artefact
from cpruner.command.certificate import write_limits
from cpruner.constraint import measure_dense, read
from cpruner.schema import to_job
from cpruner.space import trace


def finished(run_dir: Path, *overrides: str) -> Path:
    """Write config, artefact and limits; the budgets are those of the config, measured on the dense network."""
    config = composed(*UNTRAINED, *overrides)
    job = to_job(config)
    model, inputs = job.model.build(10, splits().example), (splits().example,)
    candidate = trace(model, splits().example).uniform(0.5)
    small = materialise(model, candidate)
    (run_dir / "config").mkdir(parents=True)
    OmegaConf.save(config, run_dir / "config" / "config.yaml")
    save_artefact(run_dir, small, candidate)
    write_limits(run_dir, read(job.budgets, small, inputs, measure_dense(job.budgets, model, inputs)))
    return run_dir
