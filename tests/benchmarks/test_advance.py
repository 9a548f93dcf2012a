from typing import Any

import pytest
from measure.advance import LEADER, SHARES, cell, losses, markdown
from measure.standing import bounds


def runs(*courses: list[float | None]) -> dict[str, Any]:
    return {str(seed): {"loss_after": course} for seed, course in enumerate(courses)}


def test_what_was_best_by_then_and_at_the_end_of_shorter_searches() -> None:
    found = runs([0.5, 0.4, 0.3], [0.9, 0.2])
    assert losses(found, 1) == [0.5, 0.9]
    assert losses(found, 3) == [0.3, 0.2]


def test_nothing_is_said_of_the_mean_while_a_seed_has_found_nothing() -> None:
    assert losses(runs([None, 0.4], [0.9, 0.2]), 1) == []


def test_a_cell_by_hand() -> None:
    # mean 2, standard deviation 1, t with two degrees of freedom 4.303: 4.303 / sqrt(3) = 2.484
    assert bounds([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)
    assert cell([1.0, 2.0, 3.0], []) == "2.000 (-0.484 to 4.484)"
    assert cell([1.0, 2.0], []) == "-"


def test_bold_is_what_lies_above_the_leader_as_a_whole() -> None:
    leading = [0.1, 0.2, 0.3]  # -0.048 to 0.448
    assert cell([0.44, 0.45, 0.46], leading) == "0.450 (0.425 to 0.475)"
    assert cell([0.46, 0.47, 0.48], leading) == "0.470 (0.445 to 0.495)"
    assert cell([0.50, 0.51, 0.52], leading) == "**0.510 (0.485 to 0.535)**"
    assert cell([0.50, 0.51, 0.52], leading[:2]) == "0.510 (0.485 to 0.535)"


def test_entries_with_seeds_enough_have_a_row() -> None:
    leader, slow = runs([0.3], [0.3], [0.3]), runs([0.9, 0.4], [0.9, 0.4], [0.9, 0.4])
    record = {"identity": {"evaluations": 2}, "runs": {LEADER: leader, "slow": slow, "few": runs([0.1])}}
    header, rule, task, first, second = markdown([("digits", record)]).splitlines()
    assert header.count("|") == rule.count("|") == task.count("|") == 3 + len(SHARES)
    assert first == f"| {LEADER} | 3 |{' 0.300 (0.300 to 0.300) |' * len(SHARES)}"
    assert second == f"| slow | 3 |{' **0.900 (0.900 to 0.900)** |' * 3}{' **0.400 (0.400 to 0.400)** |' * 2}"


def test_columns_are_shares_of_all_evaluations() -> None:
    long = {"identity": {"evaluations": 400}, "runs": {}}
    assert markdown([("resnet56", long)]).splitlines()[-1] == "| **resnet56**, after | | 50 | 100 | 200 | 300 | 400 |"
