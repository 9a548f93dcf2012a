"""Report: everything a run has to say, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cpruner.report.history import History
from cpruner.report.row import BudgetRow, GroupWidth, Row
from cpruner.report.warning import SearchWarning


@dataclass(frozen=True)
class Report:
    """The outcome of one run.

    Args:
        seed: Seed of the run.
        versions: Name of a program -> its version; see ``environment.versions``.
        device: What the run was made on; see ``environment.device_name``.
        seconds: Name of a phase -> its wall-clock time in seconds.
        dense: The network as it was given.
        baselines: Networks found by simpler means within the same budgets, not fine-tuned.
        searched: The agent's network before fine-tuning, which is what compares with the baselines.
        pruned: The network that is handed over, after fine-tuning; ``searched`` itself if there was none.
        budgets: Every budget, read on ``pruned``.
        groups: Widths of ``pruned``.
        uniform_groups: Widths of the uniform baseline, in the order of ``groups``; may be empty.
        history: The course of the agent's search.
        judging: Option -> value: how candidates were judged, with every choice made.
        warnings: What was wrong with the agent's search when it ended.
    """

    seed: int
    versions: Mapping[str, str]
    device: str
    seconds: Mapping[str, float]
    dense: Row
    baselines: tuple[Row, ...]
    searched: Row
    pruned: Row
    budgets: tuple[BudgetRow, ...] = ()
    groups: tuple[GroupWidth, ...] = ()
    uniform_groups: tuple[GroupWidth, ...] = ()
    history: History = field(default_factory=History)
    judging: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[SearchWarning, ...] = ()
