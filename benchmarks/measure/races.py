"""Pictures of a comparison of searches: the best loss so far, evaluation by evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from measure.standing import target

_SIZE, _DPI = (8.0, 4.5), 150


def races(record: dict[str, Any], entries: tuple[str, ...] = ()) -> Figure:
    """Median over seeds of the best feasible search loss, with the least and the most as a band.

    Args:
        record: What ``benchmarks/search.py`` wrote.
        entries: Those to draw; none draws all with more than one evaluation.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    for name, runs in record["runs"].items():
        course_SE = np.array([run["loss_after"] for run in runs.values()], dtype=np.float64)
        course_SE[np.isnan(course_SE)] = np.inf  # nothing feasible yet
        if course_SE.shape[1] == 1 or (entries and name not in entries):
            continue
        evaluation_E = np.arange(1, course_SE.shape[1] + 1)
        (line,) = axes.plot(evaluation_E, np.median(course_SE, axis=0), label=name)
        axes.fill_between(
            evaluation_E, course_SE.min(axis=0), course_SE.max(axis=0), alpha=0.12, color=line.get_color()
        )
    axes.axhline(target(record), color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="evaluations", ylabel="search loss of the best so far", yscale="log", title=record["task"])
    axes.legend(fontsize="small")
    return figure


def draw(record: dict[str, Any], path: Path, entries: tuple[str, ...] = ()) -> None:
    """Write the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    races(record, entries).savefig(path, dpi=_DPI)
