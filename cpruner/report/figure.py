"""Figures: the course of a search and the widths it chose, drawn without any global matplotlib state."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cpruner.report.history import History
from cpruner.report.report import Report
from cpruner.report.row import GroupWidth

_INK, _GREY, _LIGHT = "#1f2933", "#8a94a0", "#dde2e7"
_BLUE, _RED = "#1f6fb2", "#c0392b"
_COSTS = ("#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#a6761d")  # ColorBrewer Dark2
_DPI = 150


def curves(history: History) -> Figure:
    """Search accuracy, costs against their limits, and multipliers, one above the other."""
    panels = 1 + bool(history.scaled) + bool(history.multipliers)
    figure, axes = _figure(8.0, 2.6 * panels, panels)
    _draw_accuracy(axes[0], history)
    if history.scaled:
        _draw_costs(axes[1], history)
    if history.multipliers:
        _draw_multipliers(axes[-1], history.multipliers)
    return figure


def widths(groups: Sequence[GroupWidth], uniform: Sequence[GroupWidth] = ()) -> Figure:
    """Share of channels kept in every group, the agent's as bars and the uniform baseline's as ticks.

    Args:
        groups: Widths the agent chose, in the order of the network.
        uniform: Widths of the uniform baseline, matched by name; may be empty.
    """
    figure, (axis,) = _figure(7.5, 1.1 + 0.21 * max(4, len(groups)), 1)
    rows = range(len(groups))
    shares = [100 * group.kept / group.dense for group in groups]
    axis.barh(rows, [100] * len(groups), height=0.72, color=_LIGHT, label="removed")
    axis.barh(rows, shares, height=0.72, color=_BLUE, label="kept by the agent")
    ticks = {group.name: 100 * group.kept / group.dense for group in uniform}
    points = [(ticks[group.name], row) for row, group in enumerate(groups) if group.name in ticks]
    if points:
        places, heights = zip(*points, strict=True)
        axis.plot(
            places, heights, linestyle="none", marker="|", markersize=11, mew=2.2, color=_RED, label="kept by uniform"
        )
    for row, group in enumerate(groups):
        axis.text(101.5, row, f"{group.kept} / {group.dense}", va="center", fontsize=7.5, color=_INK)
    axis.set_yticks(list(rows), [_shorten(group.name) for group in groups], fontsize=7.5)
    axis.set(xlim=(0, 100), ylim=(len(groups) - 0.4, -0.6))
    axis.set_xlabel("channels kept (% of dense)", fontsize=9)
    axis.text(101.5, -1.0, "kept / dense", va="center", fontsize=7.5, color=_GREY)
    _finish(axis, grid="x", legend=False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def write_figures(report: Report, folder: str | Path) -> tuple[Path, ...]:
    """Write ``curves.png`` and ``widths.png``, each only if there is something to draw.

    Returns:
        The files written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if report.history.accuracy:
        written.append(_save(curves(report.history), folder / "curves.png"))
    if report.groups:
        written.append(_save(widths(report.groups, report.uniform_groups), folder / "widths.png"))
    return tuple(written)


def _figure(width: float, height: float, panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(panels, 1, squeeze=False)
    return figure, list(grid[:, 0])


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=_DPI)
    return path


def _draw_accuracy(axis: Axes, history: History) -> None:
    steps = range(1, len(history.accuracy) + 1)
    points_by_fit: dict[bool, list[tuple[int, float]]] = {False: [], True: []}
    for step, accuracy, fits in zip(steps, history.accuracy, history.feasible, strict=True):
        points_by_fit[fits].append((step, accuracy))
    missed, met = points_by_fit[False], points_by_fit[True]
    for points, color, alpha, label in ((missed, _GREY, 0.5, "over a budget"), (met, _BLUE, 0.9, "within budgets")):
        if points:
            places, heights = zip(*points, strict=True)
            axis.scatter(places, heights, s=11, color=color, alpha=alpha, linewidths=0, label=label)
    if met:
        axis.step(steps, history.best_feasible, where="post", color=_INK, linewidth=1.8, label="best within budgets")
    axis.set_ylabel("search accuracy", fontsize=9)
    axis.set_xlabel("evaluation", fontsize=9)
    _finish(axis)


def _draw_costs(axis: Axes, history: History) -> None:
    for (name, costs), color in zip(history.scaled.items(), _cycle(len(history.scaled)), strict=True):
        steps = range(1, len(costs) + 1)
        axis.scatter(steps, costs, s=5, color=color, alpha=0.3, linewidths=0)
        axis.plot(steps, _running_median(costs), color=color, linewidth=1.6, label=name)
    axis.axhline(1.0, color=_INK, linewidth=1.2, linestyle="--", label="limit")
    axis.set_ylabel("cost / limit", fontsize=9)
    axis.set_xlabel("evaluation (line: running median)", fontsize=9)
    _finish(axis)


def _draw_multipliers(axis: Axes, multipliers: Mapping[str, Sequence[float]]) -> None:
    for (name, values), color in zip(multipliers.items(), _cycle(len(multipliers)), strict=True):
        axis.plot(range(1, len(values) + 1), values, color=color, linewidth=1.6, marker=".", markersize=4, label=name)
    axis.set_ylabel("multiplier λ", fontsize=9)
    axis.set_xlabel("update", fontsize=9)
    axis.set_ylim(bottom=0)
    _finish(axis)


def _finish(axis: Axes, grid: Any = "both", legend: bool = True) -> None:
    axis.grid(axis=grid, color=_LIGHT, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.tick_params(labelsize=8, color=_GREY, labelcolor=_INK)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_GREY)
    if legend:
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)


def _cycle(count: int) -> list[str]:
    return [_COSTS[index % len(_COSTS)] for index in range(count)]


def _running_median(values: Sequence[float]) -> list[float]:
    """Median of the values around each point, a twentieth of the course to both sides and at least two values."""
    reach = max(2, len(values) // 20)
    course = []
    for middle in range(len(values)):
        side = min(reach, middle, len(values) - 1 - middle)  # symmetric at the ends too, so a slope is not bent
        near = sorted(value for value in values[middle - side : middle + side + 1] if math.isfinite(value))
        course.append(near[len(near) // 2] if near else math.nan)
    return course


def _shorten(name: str, length: int = 44) -> str:
    return name if len(name) <= length else f"{name[: length // 2 - 1]}…{name[-length // 2 :]}"
