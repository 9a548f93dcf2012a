import dataclasses

import pytest
import torch
from tiny_task import BUDGETS, EXAMPLE, by_width, env, flops, judgement, params, space, widths_of
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External, Flops
from cpruner.env import Judge, Judgement
from cpruner.env.judge import settled
from cpruner.errors import CostError
from cpruner.evaluate import Memo, Score


def test_feasible_only_if_every_budget_is_met() -> None:
    met = judgement((1, 1, 1), flops=1.0, params=0.2)
    missed = judgement((1, 1, 1), flops=0.3, params=1.25, energy=1.1)
    assert (met.feasible, met.violation) == (True, 0.0)
    assert (missed.feasible, missed.violation) == (False, 0.25)


def test_a_candidate_is_built_measured_and_scored() -> None:
    judge = env().judge
    judged = judge(space().at([0.5, 0.5, 0.5]))
    assert judged.candidate.widths == (2, 3, 4)
    assert judged.score == Score((2 + 6 + 12) / 40, 0.5, 1)
    assert [(r.name, r.value, r.limit, r.dense) for r in judged.readings] == [
        ("flops", flops(2, 3, 4), 7568.0, 15136.0),
        ("params", params(2, 3, 4), 324.0, 810.0),
    ]


def test_the_same_candidate_is_built_and_scored_once() -> None:
    built: list[Candidate] = []
    scored: list[tuple[int, ...]] = []

    def score(network: nn.Module) -> Score:
        scored.append(widths_of(network))
        return by_width(network)

    judge = env(score=score, built=built).judge
    first = judge(space().uniform(0.5))
    other = judge(space().dense())
    again = judge(Candidate(first.candidate.kept, space().plan))
    assert again is first
    assert built == [first.candidate, other.candidate]
    assert scored == [(2, 3, 4), (4, 6, 8)]


def test_equal_widths_of_other_channels_are_another_candidate() -> None:
    built: list[Candidate] = []
    judge = env(built=built).judge
    left, right = (Candidate(((0,), (0,), (index,)), space().plan) for index in (2, 5))
    assert judge(left).candidate == left
    assert judge(right).candidate == right
    assert built == [left, right]


def test_a_memo_filled_beforehand_is_believed() -> None:
    known = judgement((1, 2, 3), flops=0.1, params=0.1)
    built: list[Candidate] = []
    judge = env(built=built).judge
    judge.memo[known.candidate] = known
    assert judge(Candidate(known.candidate.kept, space().plan)) is known
    assert built == []


def test_two_judges_do_not_share_a_memo_unless_given_one() -> None:
    parts = (env().judge.build, by_width, BUDGETS, (EXAMPLE,), {"flops": 15136.0, "params": 810.0})
    shared: Memo[Candidate, Judgement] = Memo()
    one, two, alone = Judge(*parts, shared), Judge(*parts, shared), Judge(*parts)
    judged = one(space().smallest())
    assert two(space().smallest()) is judged
    assert alone.memo == {}


def test_a_cost_that_fails_is_named_and_nothing_is_remembered() -> None:
    def energy(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
        if widths_of(network) == (4, 6, 8):
            return 5.0
        raise OSError("the meter is off")

    judge = env((Budget(Flops(), 0.5), Budget(External(energy), 4.0))).judge
    with pytest.raises(CostError, match=r"cost 'energy': .*the meter is off"):
        judge(space().uniform(0.5))
    assert judge.memo == {}


class Abandoning:
    """Judges by width; below the floor it gives half the accuracy as its estimate."""

    def __init__(self) -> None:
        self.floors: list[float | None] = []

    def __call__(self, network: nn.Module, floor: float | None = None) -> Score:
        self.floors.append(floor)
        full = by_width(network)
        if floor is None or full.accuracy >= floor:
            return full
        return Score(full.accuracy / 2, full.loss, 1, None, floor)


def abandoning(abandon: bool = True) -> tuple[Judge, Abandoning]:
    score = Abandoning()
    given = env(score=score).judge
    return dataclasses.replace(given, abandon=abandon), score


def test_the_floor_is_passed_on_where_candidates_are_abandoned() -> None:
    (judge, score), (plain, unaware) = abandoning(), abandoning(False)
    small = space().smallest()
    assert judge(small, 0.9).score.accuracy == 0.075
    assert plain(small, 0.9).score.accuracy == 0.15
    assert (score.floors, unaware.floors) == ([0.9], [None])


def test_an_estimate_holds_for_higher_floors_only() -> None:
    judge, score = abandoning()
    small = space().smallest()
    first = judge(small, 0.5)
    assert judge(small, 0.5) is judge(small, 0.9) is first
    assert judge(small, 0.4) is not first
    assert judge(small, None).score.complete
    assert judge(small, 0.9).score.complete  # better known now, whatever the floor
    assert score.floors == [0.5, 0.4, None]


def test_what_is_remembered_gives_way_to_complete_judgements_only() -> None:
    judge, _ = abandoning()
    whole = judgement((1, 1, 1), flops=0.5)
    half, later = (dataclasses.replace(whole, score=Score(0.1, 1.0, 5, None, floor)) for floor in (0.5, 0.6))
    for given, kept in ((half, half), (later, later), (whole, whole), (half, whole)):
        judge.remember(given)
        assert judge.memo[whole.candidate] is kept


def test_settled_by_hand() -> None:
    whole = judgement((1, 1, 1), flops=0.5)
    half = dataclasses.replace(whole, score=Score(0.1, 1.0, 5, None, 0.5))
    assert [settled(whole, floor) for floor in (None, 0.0, 0.9)] == [True] * 3
    assert [settled(half, floor) for floor in (None, 0.4, 0.5, 0.9)] == [False, False, True, True]
