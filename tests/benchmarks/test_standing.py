import math

import pytest
from measure.standing import COLUMNS, REFERENCE, interval, markdown, needed, reached, scratch, standing, target


def run(*after: float | None, **known: float) -> dict[str, object]:
    last = after[-1]
    assert last is not None
    found = {"search_accuracy": 1 - last, "search_loss": last, "test_accuracy": 0.5, "core_seconds": 1.0}
    return found | {"evaluations": len(after), "loss_after": list(after)} | known


OTHER = {"0": run(0.7, 0.7, 0.6), "1": run(0.8, 0.7, 0.4, core_seconds=2.0)}
RECORD = {
    "runs": {REFERENCE: {"0": run(0.9, 0.8, 0.7)}, "other": OTHER},
    "budgets": {"flops": 0.5},
    "dense": {"test_accuracy": 0.9},
}


def test_evaluations_to_a_target() -> None:
    runs = {"0": run(None, 0.5, 0.5, 0.1), "1": run(0.6, 0.6, 0.6, 0.6)}
    assert reached(runs, 0.5) == [2.0, math.inf]
    assert reached(runs, 0.6) == [2.0, 1.0]
    assert needed(runs, 0.6) == "1.5 (1 to 2)"
    assert needed(runs, 0.5) == "- (2 to -)"
    assert needed({"0": runs["0"]}, 0.1) == "4"


def test_the_target_is_what_the_reference_ends_with() -> None:
    assert target(RECORD) == 0.7
    three = {str(seed): run(loss) for seed, loss in enumerate((0.3, 0.9, 0.4))}
    assert target({"runs": {REFERENCE: three}}) == 0.4
    assert target({"runs": {"other": OTHER}}) == 0.0
    assert target(RECORD, "other") == 0.5


def test_help_is_measured_against_the_same_agent_without_it() -> None:
    assert [scratch(name) for name in ("ddpg", "ddpg, warm-up, assistant")] == ["ddpg", "ddpg"]
    helped = {"runs": {REFERENCE: {"0": run(0.3)}, "other": {"0": run(0.9, 0.6)}, "other, help": {"0": run(0.5, 0.2)}}}
    rows = standing({**RECORD, **helped})
    assert [(row[7], row[8]) for row in rows] == [("1", "1"), ("-", "2"), ("2", "1")]


def test_what_a_search_ended_with_is_reached_by_it_though_its_course_is_rounded() -> None:
    runs = {"0": run(0.5, 0.123457, search_loss=0.1234566)}
    assert reached(runs, target({"runs": {REFERENCE: runs}})) == [2.0]


def test_an_interval_by_hand() -> None:
    # mean 2, standard deviation 1, t with two degrees of freedom 4.303: 4.303 / sqrt(3) = 2.484
    assert interval([1.0, 2.0, 3.0], 3) == "-0.484 to 4.484"
    assert interval([1.0, 2.0], 3) == "-"


def test_every_entry_has_a_row_of_means_and_spreads() -> None:
    reference, other = standing(RECORD)
    assert reference == (REFERENCE, "1", "3", "0.700", "30.00", "50.00", "-", "3", "3", "1")
    assert other[:6] == ("other", "2", "3", "0.500 +- 0.141", "50.00 +- 14.14", "50.00 +- 0.00")
    assert other[6:] == ("-", "1.5 (1 to 2)", "- (3 to -)", "2")
    assert len(other) == len(COLUMNS)


def test_a_search_that_found_nothing_feasible_is_counted_and_has_no_part_in_the_means() -> None:
    nothing = {"evaluations": 3, "loss_after": [None] * 3, "feasible": False, "violation": 0.2, "core_seconds": 3.0}
    runs = {REFERENCE: {"0": nothing}, "other": {**OTHER, "2": nothing}}
    reference, other = standing({**RECORD, "runs": runs})
    assert reference[1:] == ("0 of 1", "3", "-", "-", "-", "-", "-", "-", "3")
    assert other[1:6] == ("2 of 3", "3", "0.500 +- 0.141", "50.00 +- 14.14", "50.00 +- 0.00")
    assert target({**RECORD, "runs": runs}) == math.inf


@pytest.mark.parametrize(("entries", "lines"), [((), 5), (("other",), 4)])
def test_the_page_shows_those_asked_for(entries: tuple[str, ...], lines: int) -> None:
    page = markdown([("x", RECORD)], entries).splitlines()
    assert len(page) == lines
    assert page[2] == "| **x**, flops <= 0.5; dense | | | | | 90.00 | | | | |"
    assert {line.count("|") for line in page} == {len(COLUMNS) + 1}
    assert page[-1].startswith("| other | 2 | 3 | 0.500 +- 0.141 |")
