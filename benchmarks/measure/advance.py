"""How far the searches of every entry are after so many evaluations: numbers as text, for tables."""

import statistics
from typing import Any

from measure.standing import FEWEST, bounds

#: The entry whose lead is looked for.
LEADER = "ppo_lagrangian, warm-up, assistant"
AFTER = (25, 50, 100, 150, 200)


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
    lines = [f"| entry | seeds | {' | '.join(f'after {count}' for count in AFTER)} |", "|---" * (2 + len(AFTER)) + "|"]
    for task, record in records:
        lines.append(f"| **{task}** |{' |' * (1 + len(AFTER))}")
        leader = record["runs"].get(LEADER, {})
        for name, runs in record["runs"].items():
            if len(runs) >= FEWEST:
                cells = [cell(losses(runs, count), losses(leader, count)) for count in AFTER]
                lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)
