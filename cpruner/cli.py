"""The ``cpruner`` command: Hydra composes a job, ``command.execute`` runs it, mistakes end in one clear message."""

import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from cpruner.command import execute, link_latest
from cpruner.errors import CprunerError
from cpruner.schema import register, to_job

INTERRUPTED = 130


def main() -> None:
    """Entry point of the console command."""
    register()
    debug = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through to here, where they become one message
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        _task()
    except (CprunerError, HydraException, OmegaConfBaseException, OSError) as error:
        if debug:
            raise
        errors.print(f"cpruner: {_explain(error)}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _explain(error: BaseException) -> str:
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError | FileNotFoundError):
        place = error.filename or "a folder"
        return (
            f"output: expected a folder that can be written, got {place} ({error.strerror}). "
            "Set hydra.run.dir=<folder> or run elsewhere."
        )
    cause = f" ({error.__cause__})" if error.__cause__ is not None and not isinstance(error, CprunerError) else ""
    return f"{error}{cause}"


@hydra.main(version_base="1.3", config_path="pkg://cpruner.conf", config_name="config")
def _task(config: DictConfig) -> None:
    context = HydraConfig.get()
    run_dir = Path(context.runtime.output_dir)
    console = Console(soft_wrap=False)
    job = to_job(config)
    if context.mode == RunMode.RUN:
        link_latest(run_dir)
    try:
        execute(job, run_dir, console)
    except KeyboardInterrupt:
        console.print(
            f"\ninterrupted; everything up to the last update is kept. Continue with the same options and\n"
            f"  cpruner {' '.join(context.overrides.task)} search.resume={run_dir}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        raise


if __name__ == "__main__":
    main()
