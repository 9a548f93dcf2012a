"""What stands in every result file: on what, with what and by which command the numbers were made."""

import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from cpruner.report import device_name, versions

RESULTS = Path(__file__).resolve().parents[1] / "results"

Row = Mapping[str, Any]

PACKAGES = ("torchvision", "timm", "torch-pruning")


def environment(*packages: str) -> dict[str, Any]:
    """Device, versions (of further ``packages`` too), date and command of this process."""
    found = versions()
    for package in (*PACKAGES, *packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return {
        "device": device_name("cpu"),
        "threads": torch.get_num_threads(),
        "versions": found,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": command(sys.argv),
    }


def command(arguments: list[str]) -> str:
    """The command line as typed at the root of the repository; of files elsewhere the name is enough."""
    named = [Path(argument).name if Path(argument).is_absolute() else argument for argument in arguments[1:]]
    return shlex.join(["python", f"benchmarks/{Path(arguments[0]).name}", *named])


def sources(rows: Sequence[Row], engines: Sequence[str]) -> str:
    """By which commands the rows were measured, and how many by each; a row keeps the one that measured it last."""
    measured = [facts for row in rows for engine in engines if "command" in (facts := row.get(engine) or {})]
    said = Counter((facts["command"], facts["date"]) for facts in measured)
    return ", ".join(f"`{command}` ({count}, {date})" for (command, date), count in said.most_common())


def replace(files: Mapping[Path, str]) -> None:
    """Write every file and put it in place at once, so that no reader sees half of one."""
    for target, text in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        os.replace(part, target)


def tables(rows: Sequence[Row], header: Sequence[str], cells: Callable[[Row], Sequence[str]]) -> Iterator[str]:
    """One markdown table per family."""
    for family in dict.fromkeys(row["family"] for row in rows):
        yield f"## {family}"
        yield ""
        yield f"| {' | '.join(header)} |"
        yield f"|{'---|' * len(header)}"
        yield from (f"| {' | '.join(cells(row))} |" for row in rows if row["family"] == family)
        yield ""
