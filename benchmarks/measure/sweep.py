"""Every network of the zoo in a process of its own, and the rows they come to."""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import Entry, zoo

from measure.record import RESULTS, Row, replace

HERE = Path(__file__).resolve().parent.parent

Facts = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """How the rows of a sweep are shown.

    Args:
        line: One row for the terminal.
        summary: Sentences about all rows.
        markdown: The page of a whole record.
    """

    line: Callable[[Row], str]
    summary: Callable[[Sequence[Row]], list[str]]
    markdown: Callable[[Mapping[str, Any]], str]


def arguments(doc: str | None, name: str, engines: Sequence[str], limit: float) -> argparse.Namespace:
    """Options of the command line; with one engine there is none to choose."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="GLOB", help="networks by name or family; repeatable")
    if len(engines) > 1:
        parser.add_argument("--engine", action="append", choices=engines, help=f"{', '.join(engines)}; default all")
    parser.add_argument("--resume", action="store_true", help="measure only what the file lacks")
    parser.add_argument("--retry", action="store_true", help="measure only what the file lacks or has as not ok")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--limit", type=float, default=limit, help="seconds per process")
    parser.add_argument("--memory", type=float, default=16, help="GiB per process, 0 for no limit")
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json")
    options = parser.parse_args()
    options.engine = getattr(options, "engine", None) or list(engines)
    return options


def sweep(options: argparse.Namespace, engines: Sequence[str], around: Mapping[str, Any], page: Page) -> None:
    """Measure what the options ask for; both files are rewritten after every row, so an interruption loses nothing."""
    entries, only = zoo(), options.only or ["*"]
    names = [e.name for e in entries.values() if any(fnmatch.fnmatch(x, g) for g in only for x in (e.name, e.family))]
    partial = options.resume or options.retry or options.only or len(options.engine) < len(engines)
    rows: dict[str, dict[str, Any]] = stored(options.out) if partial else {}
    tasks = todo(rows, names, options)
    pending = {name: [engine for other, engine in tasks if other == name] for name, _ in tasks}
    with ThreadPoolExecutor(options.jobs) as pool:
        futures: dict[Future[Facts], tuple[str, str]] = {
            pool.submit(measured, engine, entries[name], options.limit, options.memory): (name, engine)
            for name, engine in tasks
        }
        for future in as_completed(futures):
            name, engine = futures[future]
            empty = dict[str, Any]((other, {}) for other in engines)
            row = rows.setdefault(name, {"name": name, "family": entries[name].family, **empty})
            row[engine] = {**future.result(), "command": around["command"], "date": around["date"]}
            write(options.out, {**around, "rows": [rows[known] for known in entries if known in rows]}, page)
            pending[name].remove(engine)
            if not pending[name]:
                print(page.line(row), flush=True)
    print("\n".join(["", *page.summary([rows[name] for name in entries if name in rows])]))


def write(path: Path, record: Mapping[str, Any], page: Page) -> None:
    """Both files, each replaced at once."""
    replace({path: json.dumps(record, indent=1) + "\n", path.with_suffix(".md"): page.markdown(record)})


def measured(engine: str, entry: Entry, limit: float, gib: float) -> Facts:
    """Facts of one network from a process of its own."""
    if entry.skip:
        return {"status": "skipped", "reason": entry.skip}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "facts.json"
        command = [sys.executable, "-m", "measure", engine, entry.name, str(file), str(gib)]
        variables = {**os.environ, "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, cwd=HERE, env=variables, timeout=limit, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            facts = read(file)
            return {**facts, "status": "timeout", "reason": f"{facts['stage']}: more than {limit:g} s"}
        return settled(read(file), done.returncode, done.stderr)


def read(file: Path) -> Facts:
    """What the process wrote so far."""
    try:
        facts: Facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {"status": "running", "stage": "start"}
    return facts


def settled(facts: Facts, code: int, stderr: str) -> Facts:
    """Facts of a process that ended: one that died without a word failed where it was."""
    if facts["status"] != "running":
        return facts
    killed = f"killed by signal {-code}" if code < 0 else f"exit status {code}"
    last = next((text for text in reversed(stderr.splitlines()) if text.strip()), "")
    return {**facts, "status": "failed", "reason": f"{facts['stage']}: {killed} {last}".strip()}


def stored(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run by name."""
    if not path.is_file():
        return {}
    return {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def todo(
    rows: Mapping[str, Mapping[str, Any]], names: Sequence[str], options: argparse.Namespace
) -> list[tuple[str, str]]:
    """(network, engine) pairs to measure.

    Args:
        rows: What is there.
        names: The chosen networks.
        options: ``engine`` (those to run), ``resume`` (leave what is there), ``retry`` (but what is not ok).
    """

    def wanted(name: str, engine: str) -> bool:
        facts = rows.get(name, {}).get(engine)
        if facts is None or not (options.resume or options.retry):
            return True
        return bool(options.retry and facts["status"] != "ok")

    return [(name, engine) for name in names for engine in options.engine if wanted(name, engine)]
