"""Pictures of a comparison of searches: the best loss so far, evaluation by evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
from cycler import cycler
from matplotlib.colors import TABLEAU_COLORS
from matplotlib.figure import Figure

from measure.standing import target

_SIZE, _DPI = (10.0, 5.0), 150
#: Ten colours in three styles, so that thirty lines can be told apart.
_STYLES = cycler(linestyle=["-", "--", ":"]) * cycler(color=list(TABLEAU_COLORS.values()))
#: Fewer seeds than this are a thin line without a band.
_SEVERAL = 3


def races(record: dict[str, Any], entries: tuple[str, ...] = ()) -> Figure:
    """Median over seeds of the best feasible search loss, with the least and the most as a band.

    Where there are too few seeds for a band, the legend says how many.

    Args:
        record: What ``benchmarks/search.py`` wrote.
        entries: Those to draw; none draws all with more than one evaluation.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_prop_cycle(_STYLES)
    for name, runs in record["runs"].items():
        course_SE = np.array([run["loss_after"] for run in runs.values()], dtype=np.float64)
        course_SE[np.isnan(course_SE)] = np.inf  # nothing feasible yet
        if course_SE.shape[1] == 1 or (entries and name not in entries):
            continue
        evaluation_E = np.arange(1, course_SE.shape[1] + 1)
        several = len(runs) >= _SEVERAL
        label = name if several else f"{name} ({len(runs)})"
        (line,) = axes.plot(evaluation_E, np.median(course_SE, axis=0), label=label, linewidth=1.6 if several else 0.8)
        if several:
            least_E, most_E = course_SE.min(axis=0), course_SE.max(axis=0)
            axes.fill_between(evaluation_E, least_E, most_E, alpha=0.12, color=line.get_color())
    axes.axhline(target(record), color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="evaluations", ylabel="search loss of the best so far", yscale="log", title=record["task"])
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def draw(record: dict[str, Any], path: Path, entries: tuple[str, ...] = ()) -> None:
    """Write the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    races(record, entries).savefig(path, dpi=_DPI)
