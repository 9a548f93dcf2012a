from pathlib import Path

import pytest

from cpruner.errors import CheckpointError
from cpruner.evaluate import Judging, recalled, record
from cpruner.evaluate.choice import CHOICE

ASKED = Judging(mode="measured", images=50)
CHOSEN = Judging(images=50, precision="bfloat16", channels_last=True, batch_size=32)


def test_what_was_chosen_is_recalled(tmp_path: Path) -> None:
    record(CHOSEN, ASKED, tmp_path / "run")
    assert recalled(ASKED, tmp_path / "run") == CHOSEN


def test_other_options_are_those_of_the_run_at_hand(tmp_path: Path) -> None:
    record(CHOSEN, ASKED, tmp_path)
    assert recalled(Judging(mode="measured", images=7, abandon=True), tmp_path) == Judging(
        images=7, abandon=True, precision="bfloat16", channels_last=True, batch_size=32
    )


def test_options_that_leave_nothing_open_are_neither_written_nor_replaced(tmp_path: Path) -> None:
    record(CHOSEN, Judging(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    record(CHOSEN, ASKED, tmp_path)
    assert recalled(Judging(images=7), tmp_path) == Judging(images=7)


def test_without_an_earlier_run_nothing_is_recalled(tmp_path: Path) -> None:
    record(CHOSEN, ASKED, None)
    assert recalled(ASKED, None) == recalled(ASKED, tmp_path) == ASKED


@pytest.mark.parametrize("text", ["", "[]", '{"speed": 3}', '{"batch_size": 0}', '{"batch_size": 8, "precision": "x"}'])
def test_a_damaged_choice_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / CHOICE).write_text(text)
    with pytest.raises(CheckpointError, match=r"judging\.json: expected the numerics an earlier run has chosen"):
        recalled(ASKED, tmp_path)
