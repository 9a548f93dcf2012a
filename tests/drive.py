"""Drive the command inside this process: its arguments, its folder, its exit code, what it wrote."""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra

from cpruner import verify
from cpruner.cli import main
from cpruner.cmdp import Episode
from cpruner.search import loop

QUIET = ("hydra/job_logging=disabled", "hydra/hydra_logging=disabled")  # they would stay configured after the test


@dataclass(frozen=True)
class Outcome:
    """What came of a call."""

    code: int
    out: str
    err: str


def certify(run_dir: Path) -> dict[str, Any]:
    """The certificate without a fresh interpreter, which takes seconds to start."""
    verify.main([str(run_dir)])
    certificate: dict[str, Any] = json.loads((run_dir / "certificate.json").read_text())
    return certificate


def refused(code: int, text: str, message: str) -> None:
    """A mistake of the user ends in one message that says so."""
    assert code == 2
    assert text.startswith("cpruner: ")
    assert text.count("cpruner: ") == 1
    assert re.search(message, text, flags=re.DOTALL), text
    assert "Traceback" not in text
    assert len(text) < 1500


@dataclass(frozen=True)
class Command:
    """``cpruner`` in a folder of its own; trained dense networks are kept in ``cache``."""

    folder: Path
    cache: Path
    capture: Callable[[], tuple[str, str]]

    def __call__(self, *arguments: str, patch: Callable[[pytest.MonkeyPatch], None] | None = None) -> Outcome:
        """Call it; ``patch`` may change the world first."""
        GlobalHydra.instance().clear()
        with pytest.MonkeyPatch.context() as world:
            world.chdir(self.folder)
            world.setenv("CPRUNER_CACHE", str(self.cache))
            world.setenv("HYDRA_FULL_ERROR", "0")
            world.setenv("COLUMNS", "100")
            world.setattr(sys, "argv", ["cpruner", *arguments, *QUIET])
            world.setattr("cpruner.command.run.certify", certify)
            if patch is not None:
                patch(world)
            code = 0
            self.capture()
            try:
                main()
            except SystemExit as exit_:
                code = int(exit_.code or 0)
            finally:
                GlobalHydra.instance().clear()
        return Outcome(code, *self.capture())

    def runs(self, job: str = "cpruner") -> list[Path]:
        """Run directories in the order they were made."""
        folder = self.folder / "runs" / job
        return sorted((path for path in folder.glob("*") if not path.is_symlink()), key=os.path.getctime)

    def result(self, run_dir: Path | None = None) -> dict[str, Any]:
        """``result.json`` of a run, the latest by default."""
        found: dict[str, Any] = json.loads(
            ((run_dir or self.folder / "runs/cpruner/latest") / "result.json").read_text()
        )
        return found


def interrupting(at: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Press Ctrl-C when candidate number ``at`` has just been judged."""
    finished, real = [0], loop.Decided.finish

    def finish(decided: loop.Decided) -> Episode:
        finished[0] += 1
        if finished[0] == at:
            raise KeyboardInterrupt
        return real(decided)

    return lambda world: world.setattr(loop.Decided, "finish", finish)


def numbers(result: dict[str, Any]) -> dict[str, Any]:
    """What two runs of one seed must agree on: everything but times."""
    rows = {name: result[name] for name in ("dense", "searched", "pruned")} | result["baselines"]
    plain = {name: {key: row[key] for key in row if key != "latency_ms"} for name, row in rows.items()}
    return {"rows": plain, "groups": result["groups"], "budgets": result["budgets"]}
