import dataclasses
import io

import pytest
from rich.console import Console

from cpruner.report import Probe, probe_verdict, render_probe

PROBE = Probe(300, 250, (0.0, 0.25, 0.75), (-0.01, -0.01, -0.01), 0.4, {"a": 0.1, "b[0]": 0.6, "c": -0.01})


def text(found: Probe) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(render_probe(found))
    shown: str = console.file.getvalue()  # type: ignore[attr-defined]
    return shown


def test_every_position_is_a_row():
    rows = [line.split() for line in text(PROBE).splitlines()]
    assert ["1", "of", "3", "0.00", "-0.01", "0.01"] in rows
    assert ["2", "of", "3", "0.25", "-0.01", "0.26"] in rows
    assert ["3", "of", "3", "0.75", "-0.01", "0.76"] in rows
    assert ["one", "probe", "for", "all", "0.40"] in rows


def test_entries_come_by_what_they_carry():
    shown = text(PROBE)
    assert shown.index("b[0]") < shown.index("a  ") < shown.index("c  ")
    assert "0.600" in shown


def test_long_episodes_and_many_entries_are_thinned():
    steps = 200
    found = dataclasses.replace(
        PROBE, r2_T=(0.5,) * steps, baseline_r2_T=(0.0,) * steps, weight={f"entry{n}": n / 40 for n in range(40)}
    )
    shown = text(found)
    assert shown.count(f"of {steps}") == 16
    assert f"\n 1 of {steps}" in shown
    assert f"{steps} of {steps}" in shown
    assert shown.count("entry") == 8 + 1  # the header has the word, too
    assert "entry39" in shown


def test_an_episode_of_one_step():
    assert "1 of 1" in text(dataclasses.replace(PROBE, r2_T=(0.5,), baseline_r2_T=(0.0,)))


@pytest.mark.parametrize(
    ("last", "distinct", "words"),
    [
        (0.75, 250, "predicts the return well"),
        (0.3, 250, "predicts part of the return"),
        (0.05, 250, "says next to nothing of the return"),
        (0.05, 99, "no relation can be seen in so few episodes"),
        (-0.5, 250, "predicts 0% of the variance of the return before the last decision"),
    ],
)
def test_the_verdict_follows_the_last_position(last, distinct, words):
    assert words in probe_verdict(dataclasses.replace(PROBE, r2_T=(0.0, 0.0, last), distinct=distinct))
