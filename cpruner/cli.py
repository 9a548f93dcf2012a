"""The ``cpruner`` command: Hydra composes a job, ``command.execute`` runs it, mistakes end in one clear message.

``cpruner diagnose`` reads a run directory instead, and knows no config.
"""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from cpruner.catalogue import SPECS
from cpruner.command import diagnose, execute, link_latest, resumable
from cpruner.errors import CprunerError
from cpruner.manual import manual
from cpruner.schema import check_choices, load_job, register, to_job

INTERRUPTED = 130


def main() -> None:
    """Entry point of the console command."""
    conf = Path(str(files("cpruner.conf")))
    if {"-h", "--help"} & set(sys.argv[1:]):
        Console(soft_wrap=False).print(manual(SPECS, conf))
        return
    traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    if sys.argv[1:2] == ["diagnose"]:
        with _one_message(traceback):
            diagnose(sys.argv[2:], Console(soft_wrap=False), lambda run_dir: load_job(run_dir).past.store)
        return
    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through to here, where they become one message

    @hydra.main(version_base="1.3", config_path="pkg://cpruner.conf", config_name="config")
    def task(config: DictConfig) -> None:
        with _one_message(traceback):  # here too: Hydra adds a line to whatever leaves the job as an exception
            _run(config)

    try:
        with _one_message(traceback):
            check_choices(sys.argv[1:], conf)
            task()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextmanager
def _one_message(traceback: bool) -> Iterator[None]:
    try:
        yield
    except (CprunerError, HydraException, OmegaConfBaseException, OSError) as error:
        if traceback:
            raise
        console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        console.print(f"cpruner: {_explain(error)}")
        sys.exit(2)


def _explain(error: BaseException) -> str:
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError | FileNotFoundError):
        place = error.filename or "a folder"
        return (
            f"output: expected a folder that can be written, got {place} ({error.strerror}). "
            "Set hydra.run.dir=<folder> or run elsewhere."
        )
    cause = f" ({error.__cause__})" if error.__cause__ is not None and not isinstance(error, CprunerError) else ""
    return f"{error}{cause}"


def _run(config: DictConfig) -> None:
    context = HydraConfig.get()
    run_dir = Path(context.runtime.output_dir)
    console = Console(soft_wrap=False)
    job = to_job(config)
    if context.mode == RunMode.RUN:
        link_latest(run_dir)
    try:
        execute(job, run_dir, console)
    except KeyboardInterrupt:
        console.print(f"\n{_farewell(run_dir, context.overrides.task)}", highlight=False, markup=False, soft_wrap=True)
        raise


def _farewell(run_dir: Path, overrides: Sequence[str]) -> str:
    """What to do after an interruption; before the first judgement there is nothing to resume from."""
    if not resumable(run_dir):
        return f"interrupted before the first checkpoint; start again with\n  {shlex.join(['cpruner', *overrides])}"
    options = [text for text in overrides if not text.startswith("search.resume=")]
    command = shlex.join(["cpruner", *options, f"search.resume={run_dir}"])
    return f"interrupted; everything that was judged is kept. Continue with the same options:\n  {command}"


if __name__ == "__main__":
    main()
