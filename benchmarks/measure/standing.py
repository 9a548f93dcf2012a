"""Where every entry of a comparison of searches stands: numbers as text, for tables."""

import math
import statistics
from typing import Any

from scipy.stats import t

#: The search from scratch that others are compared with.
REFERENCE = "ppo_lagrangian"
#: Seeds that an interval needs.
FEWEST = 3
COLUMNS = (
    *("entry", "seeds", "evaluations", "search loss", "search %", "test %", "95 %"),
    *("to target", "to own", "core s"),
)
#: What the losses of a course may be above what they were.
ROUNDED = 1e-6


def reached(runs: dict[str, Any], target: float) -> list[float]:
    """Evaluations until the best feasible candidate had a search loss; infinite where it never had."""
    found = []
    for run in runs.values():
        course = enumerate(run["loss_after"])
        after = [number + 1 for number, loss in course if loss is not None and loss <= target + ROUNDED]
        found.append(float(after[0]) if after else math.inf)
    return found


def target(record: dict[str, Any], reference: str = REFERENCE) -> float:
    """The search loss that a search from scratch ends with, in the median of its seeds; 0 where there is none."""
    losses: list[float] = [run.get("search_loss", math.inf) for run in record["runs"].get(reference, {}).values()]
    return statistics.median(losses or [0.0])


def scratch(name: str) -> str:
    """The entry that has the same agent and no help."""
    return name.partition(",")[0]


def cell(values: list[float], digits: int) -> str:
    """Mean and standard deviation over seeds; a dash where there is none."""
    if not values:
        return "-"
    spread = f" +- {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def bounds(values: list[float]) -> tuple[float, float]:
    """Between what the mean of many seeds would be, with 95 % confidence (Student's t); of two seeds or more."""
    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


def interval(values: list[float], digits: int) -> str:
    """The same as text; a dash for fewer than three seeds."""
    if len(values) < FEWEST:
        return "-"
    low, high = bounds(values)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def needed(runs: dict[str, Any], loss: float) -> str:
    """Median of the evaluations to a loss, with the least and the most; a dash for seeds that never got there."""
    found = sorted(reached(runs, loss))
    low, middle, high = (
        "-" if math.isinf(value) else f"{value:g}" for value in (found[0], statistics.median(found), found[-1])
    )
    return middle if len(found) == 1 else f"{middle} ({low} to {high})"


def standing(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row per entry, with the cells of ``COLUMNS``; means are over the seeds that met every budget."""
    loss, rows = target(record), []
    for name, runs in record["runs"].items():
        values = list(runs.values())
        found = [run for run in values if "search_loss" in run]
        seeds = str(len(values)) if len(found) == len(values) else f"{len(found)} of {len(values)}"
        cells = [name, seeds, str(max(run["evaluations"] for run in values))]
        cells.append(cell([run["search_loss"] for run in found], 3))
        cells += [cell([100 * run[f"{split}_accuracy"] for run in found], 2) for split in ("search", "test")]
        cells.append(interval([100 * run["test_accuracy"] for run in found], 2))
        cells += [needed(runs, loss), needed(runs, target(record, scratch(name)))]
        cells.append(f"{statistics.mean([run['core_seconds'] for run in values]):.0f}")
        rows.append(tuple(cells))
    return rows


def markdown(records: list[tuple[str, dict[str, Any]]], entries: tuple[str, ...] = ()) -> str:
    """The same as a table of a page.

    Args:
        records: Task and what was measured of it.
        entries: Those to show; none shows all.
    """
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for task, record in records:
        budgets = ", ".join(f"{name} <= {share:g}" for name, share in record["budgets"].items())
        dense = f"{100 * record['dense']['test_accuracy']:.2f}"
        lines.append(f"| **{task}**, {budgets}; dense | | | | | {dense} | | | | |")
        shown = (cells for cells in standing(record) if not entries or cells[0] in entries)
        lines += [f"| {' | '.join(cells)} |" for cells in shown]
    return "\n".join(lines)
