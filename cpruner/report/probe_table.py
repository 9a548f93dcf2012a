"""What a probe found, as tables and in words."""

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cpruner.report.probe import Probe

_ROWS, _ENTRIES = 16, 8
_WEAK, _STRONG = 0.1, 0.5
_FEW = 100  # distinct episodes in which a weak relation may go unseen


def render_probe(found: Probe) -> Group:
    """R^2 by step position, the entries that carry most, and a sentence."""
    return Group(_positions(found), _entries(found), Text(f"\n{probe_verdict(found)}\n"))


def probe_verdict(found: Probe) -> str:
    """What the numbers mean."""
    mean, last = (max(0.0, share) for share in (sum(found.r2_T) / len(found.r2_T), found.r2_T[-1]))
    numbers = (
        f"Over {found.distinct} distinct episodes a linear probe predicts {last:.0%} of the variance of the return "
        f"before the last decision and {mean:.0%} on average over positions:"
    )
    if last >= _STRONG:
        return f"{numbers} the observation predicts the return well."
    if last >= _WEAK:
        return f"{numbers} the observation predicts part of the return."
    if found.distinct < _FEW:
        return f"{numbers} no relation can be seen in so few episodes."
    return (
        f"{numbers} the observation says next to nothing of the return, as far as a line can tell. An agent that reads "
        "it may do no better than one that knows the position alone (agent/encoder=table)."
    )


def _positions(found: Probe) -> Table:
    table = Table("before step", box=box.SIMPLE_HEAD, show_edge=False, title="R² on episodes left out")
    for header in ("probe", "position alone", "gain"):
        table.add_column(header, justify="right")
    steps = len(found.r2_T)
    count = min(steps, _ROWS)
    for t in sorted({round(i * (steps - 1) / max(count - 1, 1)) for i in range(count)}):
        probe, baseline = found.r2_T[t], found.baseline_r2_T[t]
        table.add_row(f"{t + 1} of {steps}", *(f"{number:.2f}" for number in (probe, baseline, probe - baseline)))
    table.add_section()
    table.add_row("one probe for all", f"{found.pooled_r2:.2f}", "", "")
    return table


def _entries(found: Probe) -> Table:
    table = Table("entry of the observation", box=box.SIMPLE_HEAD, show_edge=False, title="\nwhat carries the most")
    table.add_column("R² lost without", justify="right")
    most = sorted(found.weight.items(), key=lambda item: item[1], reverse=True)[:_ENTRIES]
    for name, lost in most:
        table.add_row(Text(name), f"{lost:.3f}")
    return table
