"""Verdict: does the agent beat the simple baselines? Said plainly, either way."""

import math

from cpruner.report.quantity import percent
from cpruner.report.report import Report
from cpruner.report.row import Row

_SPLITS = ("search", "test")


def verdict(report: Report) -> str:
    """Compare the agent with each baseline before fine-tuning, on the search and the test split.

    A baseline is beaten when the agent meets every budget and is more accurate on both splits, or when only the agent
    meets every budget.

    Args:
        report: Only ``searched`` and ``baselines`` are looked at.

    Returns:
        One sentence with the outcome, then one per baseline with its numbers.
    """
    if not report.baselines:
        return "There is no baseline to compare the agent with."
    beaten = [row.name for row in report.baselines if _beats(report.searched, row)]
    unbeaten = [row.name for row in report.baselines if row.name not in beaten]
    clauses = [f"{verb} {_join(names)}" for verb, names in (("beats", beaten), ("does not beat", unbeaten)) if names]
    sentences = [f"Before fine-tuning the agent {' and '.join(clauses)}."]
    if not report.searched.feasible:
        sentences.append(f"The agent's network {_excess(report.searched)}.")
    return " ".join([*sentences, *(_numbers(report.searched, row) for row in report.baselines)])


def _beats(agent: Row, baseline: Row) -> bool:
    if not agent.feasible:
        return False
    gains = [_gain(agent, baseline, split) for split in _SPLITS]
    known = [gain for gain in gains if not math.isnan(gain)]
    return not baseline.feasible or (bool(known) and all(gain > 0 for gain in known))


def _numbers(agent: Row, baseline: Row) -> str:
    parts = [_compare(agent, baseline, split) for split in _SPLITS]
    effort = f"{agent.evaluations} evaluations against {baseline.evaluations}"
    warning = "" if baseline.feasible else f"; {baseline.name} {_excess(baseline)}"
    return f"Against {baseline.name} ({effort}): {', '.join(parts)}{warning}."


def _compare(agent: Row, baseline: Row, split: str) -> str:
    gain = _gain(agent, baseline, split)
    if math.isnan(gain):
        return f"{split} not measured"
    word = "better" if gain > 0 else "worse" if gain < 0 else "equal"
    return f"{split} {percent(_accuracy(agent, split))} vs {percent(_accuracy(baseline, split))} ({word})"


def _gain(agent: Row, baseline: Row, split: str) -> float:
    return _accuracy(agent, split) - _accuracy(baseline, split)


def _accuracy(row: Row, split: str) -> float:
    accuracy = row.search_accuracy if split == "search" else row.test_accuracy
    return math.nan if accuracy is None else accuracy


def _excess(row: Row) -> str:
    if row.violation is None or math.isnan(row.violation):
        return "was not read against the budgets"
    return f"exceeds a budget by {percent(row.violation, 1)}"


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
