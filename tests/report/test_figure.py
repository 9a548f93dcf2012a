import dataclasses
import sys

import matplotlib as mpl
import pytest
from PIL import Image

from cpruner.report import GroupWidth, History, curves, widths, write_figures
from cpruner.report.figure import _running_median, _shorten


def test_curves_has_a_panel_each_for_reward_costs_and_multipliers(report):
    axes = curves(report.history).axes
    assert [axis.get_ylabel() for axis in axes] == ["search accuracy", "cost / limit", "multiplier λ"]
    assert [axis.get_xlabel().split()[0] for axis in axes] == ["evaluation", "evaluation", "update"]
    labels = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert labels == ["over a budget", "within budgets", "best within budgets"]
    limit = next(line for line in axes[1].lines if line.get_label() == "limit")
    assert list(limit.get_ydata()) == [1.0, 1.0]


def test_curves_draws_what_there_is():
    alone = curves(History(accuracy=(0.1, 0.2)))
    assert [axis.get_ylabel() for axis in alone.axes] == ["search accuracy"]
    hopeless = curves(History((0.1, 0.2), {"flops": (2.0, 3.0)}))
    labels = [text.get_text() for text in hopeless.axes[0].get_legend().get_texts()]
    assert labels == ["over a budget"]


def test_best_line_is_the_history(report):
    best = next(line for line in curves(report.history).axes[0].lines if line.get_label() == "best within budgets")
    assert list(best.get_ydata())[1:] == [0.7, 0.7]


def test_widths_in_percent_with_counts_beside(report):
    axis = widths(report.groups, report.uniform_groups).axes[0]
    agent = next(bars for bars in axis.containers if bars.get_label() == "kept by the agent")
    assert [bar.get_width() for bar in agent] == [56.25, 12.5]
    assert {"9 / 16", "4 / 32"} <= {text.get_text() for text in axis.texts}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["layer1", "layer2"]
    assert list(axis.lines[0].get_xdata()) == [50.0, 50.0]


def test_widths_without_the_baseline_has_no_ticks(report):
    assert not widths(report.groups).axes[0].lines


def test_widths_grows_with_the_number_of_groups():
    heights = [widths([GroupWidth(f"g{i}", 8, 4) for i in range(n)]).get_figheight() for n in (5, 30)]
    assert heights[1] > 2.5 * heights[0]


def test_files_are_pictures_and_no_global_state_is_touched(report, tmp_path):
    before = dict(mpl.rcParams)
    pyplot_loaded = "matplotlib.pyplot" in sys.modules
    paths = write_figures(report, tmp_path / "new")
    assert [path.name for path in paths] == ["curves.png", "widths.png"]
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width > 1000
            assert len(set(picture.convert("L").tobytes())) > 10
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == pyplot_loaded


def test_nothing_to_draw_nothing_written(report, tmp_path):
    empty = dataclasses.replace(report, history=History(), groups=())
    assert write_figures(empty, tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_running_median_is_centred_and_skips_nan():
    assert _running_median([1, 2, 3, 4, 5, 6, 7]) == [1, 2, 3, 4, 5, 6, 7]
    assert _running_median([1, 1, 100, 1, 1]) == [1, 1, 1, 1, 1]
    assert _running_median([1, float("nan"), 3])[1] == 3


@pytest.mark.parametrize("name", ["layer1.0.conv1", "a" * 44, "a.very.long.name" * 20])
def test_long_names_keep_both_ends(name):
    short = _shorten(name)
    assert len(short) <= 44
    assert (short[:5], short[-5:]) == (name[:5], name[-5:])
    assert (short == name) == (len(name) <= 44)
