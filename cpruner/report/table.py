"""The comparison as a table, with the verdict under it."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from cpruner.report.quantity import human, percent
from cpruner.report.report import Report
from cpruner.report.row import BudgetRow, Row
from cpruner.report.verdict import verdict

_HEADERS = ("acc. on\nsearch", "acc. on\ntest", "\nFLOPs", "\nMACs", "\nparams", "\nlatency", "over\nbudget")
_SLIM: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "pad_edge": False, "padding": (0, 1, 0, 0)}


def render(report: Report) -> Table:
    """Dense network, baselines, agent, agent after fine-tuning; the verdict is the caption."""
    caption = Text(f"\n{verdict(report)}\n")
    table = Table(**_SLIM, caption=caption, caption_justify="left", caption_style="")
    table.add_column("\nnetwork")
    for header in _HEADERS:
        table.add_column(header, justify="right", no_wrap=True)
    for row in (report.dense, *report.baselines):
        table.add_row(Text(row.name), *_cells(row))
    table.add_section()
    table.add_row(Text(report.searched.name), *_cells(report.searched))
    if report.pruned != report.searched:
        table.add_row(Text(report.pruned.name), *_cells(report.pruned), style="bold")
    return table


def render_budgets(budgets: Sequence[BudgetRow]) -> Table:
    """Every budget: its limit, what the network handed over costs, and whether that is met."""
    table = Table(**_SLIM)
    table.add_column("budget")
    for header in ("limit", "value", "of limit"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("met")
    for row in budgets:
        met = "[green]yes[/]" if row.satisfied else "[bold red]NO[/]"
        share = percent(row.value / row.limit, 1)
        table.add_row(Text(row.name), _amount(row.limit, row.unit), _amount(row.value, row.unit), share, met)
    return table


def _cells(row: Row) -> list[str]:
    accuracies = [percent(row.search_accuracy), percent(row.test_accuracy)]
    costs = [human(row.flops), human(row.macs), human(row.params), human(row.latency_ms, "ms")]
    excess = percent(row.violation, 1) if row.violation else "-" if row.violation is None else "none"
    return [*accuracies, *costs, f"[red]{excess}[/]" if row.violation else excess]


def _amount(value: float, unit: str) -> Text:
    """Prefixes go in front of a count's name as a word, so that a limit in ms never reads as kms."""
    return Text(human(value, unit) if abs(value) < 1000 else f"{human(value)} {unit}".strip())
