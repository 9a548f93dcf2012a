import dataclasses
import io

import pytest
from rich.console import Console

from cpruner.report import BudgetRow, Row, render, render_budgets


def shown(report, width=100):
    """Both tables as a console without colours prints them."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(report))
    if report.budgets:
        console.print(render_budgets(report.budgets))
    return console.file.getvalue()


def test_rows_in_order_with_numbers_a_person_reads(report):
    lines = shown(report).splitlines()
    rows = [line for line in lines if "%" in line and line.split()[0] in ("dense", "uniform", "random", "agent")]
    assert " ".join(rows[0].split()) == "dense 91.73 % 91.50 % 81.6 M 40.8 M 272 k 3.21 ms 100.0 %"
    assert [row.split()[0] for row in rows] == ["dense", "uniform", "random", "agent", "agent"]
    assert rows[3].endswith("none")
    assert rows[4].startswith("agent + fine-tuning  91.30 %  91.01 %")


def test_verdict_stands_under_the_table(report):
    text = shown(report)
    assert text.index("Before fine-tuning the agent beats uniform and random.") > text.index("agent + fine-tuning")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_fits_the_width_and_cuts_nothing(report, width):
    text = shown(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_fine_tuning_row_is_left_out_if_there_was_none(report):
    assert render(report).row_count == 5
    assert render(dataclasses.replace(report, pruned=report.searched)).row_count == 4


def test_what_was_not_measured_is_a_dash(report):
    text = shown(dataclasses.replace(report, dense=Row("dense")))
    assert next(line for line in text.splitlines() if line.startswith("dense")).split()[1:] == ["-"] * 7


def test_broken_budget_stands_out_in_colour(report):
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    console.print(render_budgets(report.budgets))
    text = console.file.getvalue()
    assert "\x1b[1;31mNO\x1b[0m" in text
    assert "\x1b[32myes\x1b[0m" in text


def test_budgets_with_their_units(report):
    text = shown(report)
    line = next(line for line in text.splitlines() if line.startswith("latency "))
    assert line.split() == ["latency", "2", "ms", "2.15", "ms", "107.5", "%", "NO"]
    assert "40.8 M FLOPs" in text
    assert "budget" not in shown(dataclasses.replace(report, budgets=())).split("Before")[1]


def test_thousands_of_a_unit_never_read_as_another_unit(report):
    text = shown(dataclasses.replace(report, budgets=(BudgetRow("slow", "ms", 5000.0, 4000.0, True),)))
    assert "5.00 k ms" in text


def test_square_brackets_in_names_are_text(report):
    odd = dataclasses.replace(
        report,
        dense=Row("[red]dense"),
        baselines=(dataclasses.replace(report.baselines[0], name="[/x]"),),
        budgets=(BudgetRow("[b]flops", "[u]", 2.0, 1.0, True),),
    )
    text = shown(odd)
    assert "[red]dense" in text
    assert "beats [/x]" in text
    assert "[b]flops  2 [u]" in text
