from pathlib import Path

import numpy as np
from measure.races import draw, races

RUNS = {
    "0": {"loss_after": [None, 0.5, 0.2]},
    "1": {"loss_after": [0.6, 0.4, 0.4]},
    "2": {"loss_after": [0.8, 0.6, 0.6]},
}
RECORD = {"task": "x", "runs": {"one": RUNS, "two": {"0": RUNS["1"]}, "uniform": {"0": {"loss_after": [0.9]}}}}


def test_a_line_is_the_median_of_the_seeds() -> None:
    (axes,) = races(RECORD).axes
    (_, labels) = axes.get_legend_handles_labels()
    assert labels == ["one", "two (1)"]  # a single evaluation is no race
    assert len(axes.collections) == 1  # no band of one seed
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.8, 0.5, 0.4])  # type: ignore[index]


def test_only_those_asked_for_are_drawn() -> None:
    (axes,) = races(RECORD, ("two",)).axes
    assert axes.get_legend_handles_labels()[1] == ["two (1)"]


def test_thirty_lines_can_be_told_apart() -> None:
    (axes,) = races(RECORD | {"runs": {str(number): RUNS for number in range(30)}}).axes
    drawn = axes.lines[:30]  # type: ignore[index]
    assert len({(line.get_color(), line.get_linestyle()) for line in drawn}) == 30


def test_the_file_is_a_picture(tmp_path: Path) -> None:
    draw(RECORD, tmp_path / "new" / "x.png")
    assert (tmp_path / "new" / "x.png").read_bytes().startswith(b"\x89PNG")
