"""How far the searches of every entry are after so many evaluations: numbers as text, for tables."""

import math
import statistics
from typing import Any

from measure.standing import FEWEST, bounds

#: The entry whose lead is looked for.
LEADER = "ppo_lagrangian, warm-up, assistant"
#: Shares of all evaluations.
SHARES = {"1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2, "3/4": 3 / 4, "all": 1.0}


def losses(runs: dict[str, Any], evaluations: int) -> list[float]:
    """Search loss of the best feasible candidate after so many evaluations, of every seed; none if one had none yet."""
    after = [run["loss_after"][min(evaluations, len(run["loss_after"])) - 1] for run in runs.values()]
    return [] if None in after else after


def cell(values: list[float], leading: list[float]) -> str:
    """Mean and 95 % interval; in bold where the whole interval lies above that of the leader.

    Args:
        values: Of the seeds.
        leading: Those of the leader, at the same time.
    """
    if len(values) < FEWEST:
        return "-"
    low, high = bounds(values)
    text = f"{statistics.mean(values):.3f} ({low:.3f} to {high:.3f})"
    return f"**{text}**" if len(leading) >= FEWEST and low > bounds(leading)[1] else text


def markdown(records: list[tuple[str, dict[str, Any]]]) -> str:
    """One row per entry that has seeds enough for an interval.

    Args:
        records: Task and what was measured of it.
    """
    lines = [f"| entry | seeds | {' | '.join(SHARES)} |", "|---" * (2 + len(SHARES)) + "|"]
    for task, record in records:
        counts = [math.ceil(share * record["identity"]["evaluations"]) for share in SHARES.values()]
        lines.append(f"| **{task}**, after | | {' | '.join(map(str, counts))} |")
        leader = record["runs"].get(LEADER, {})
        for name, runs in record["runs"].items():
            if len(runs) >= FEWEST:
                cells = [cell(losses(runs, count), losses(leader, count)) for count in counts]
                lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)
