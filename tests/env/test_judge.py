from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_task import BUDGETS, EXAMPLE, by_width, env, flops, judgement, params, space, widths_of
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External, Flops
from cpruner.env import Bench, Judge, Judgement
from cpruner.env.judge import settled
from cpruner.errors import CostError
from cpruner.evaluate import Memo, Score
from cpruner.pool import Workers


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


class Backwards(Workers):
    """Workers that finish in the reverse order, and note what they were given."""

    def __init__(self, judge: Judge, fail_at: int | None = None) -> None:
        self.bench, self.fail_at = Bench.of(judge, space().plan, beside=True), fail_at
        self.given: list[list[Any]] = []

    def map(self, items: Sequence[Any], keep: Callable[[int, Any], None] | None = None) -> Iterator[Any]:
        self.given.append(list(items))
        found = {number: self.bench(items[number]) for number in reversed(range(len(items))) if number != self.fail_at}
        for number, value in found.items():
            if keep is not None:
                keep(number, value)
        for number in range(len(items)):
            if number == self.fail_at:
                raise CostError("no meter")
            yield found[number]

    def close(self) -> None:
        """Nothing to close."""


HALF, WHOLE, THIRD = space().uniform(0.5), space().dense(), space().uniform(0.3)


def test_several_are_judged_by_the_workers_as_one_by_one_and_only_the_unknown_ones() -> None:
    alone, judge = env().judge, env().judge
    workers = Backwards(judge)
    staffed = replace(judge, workers=workers)
    wanted = [HALF, WHOLE, HALF, THIRD, WHOLE]
    assert list(staffed.all([HALF])) == [alone(HALF)]
    assert list(staffed.all(wanted)) == list(map(alone, wanted)) == list(env().judge.all(wanted))
    assert workers.given == [[(HALF.kept, None)], [(WHOLE.kept, None), (THIRD.kept, None)]]
    assert set(judge.memo) == set(wanted)
    assert list(staffed.all(wanted)) == list(map(alone, wanted))
    assert len(workers.given) == 2


def test_without_workers_each_is_judged_when_it_is_asked_for() -> None:
    built: list[Candidate] = []
    judged = env(built=built).judge.all([HALF, WHOLE])
    next(judged)
    assert built == [HALF]


def test_what_was_judged_is_known_although_an_earlier_one_failed() -> None:
    judge = env().judge
    judged = replace(judge, workers=Backwards(judge, fail_at=1)).all([HALF, WHOLE, THIRD])
    assert next(judged).candidate == HALF
    with pytest.raises(CostError, match="no meter"):
        next(judged)
    assert set(judge.memo) == {HALF, THIRD}


def test_quiet_costs_are_measured_here_when_the_workers_are_done() -> None:
    events: list[str] = []

    def energy(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
        events.append(f"measured {widths_of(network)}")
        return float(widths_of(network)[0])

    def score(network: nn.Module) -> Score:
        events.append(f"scored {widths_of(network)}")
        return by_width(network)

    judge = env((BUDGETS[0], Budget(External(energy), 3.0), BUDGETS[1]), score=score).judge
    events.clear()
    first, second = replace(judge, workers=Backwards(judge)).all([HALF, WHOLE])
    assert events == ["scored (4, 6, 8)", "scored (2, 3, 4)", "measured (2, 3, 4)", "measured (4, 6, 8)"]
    assert [(r.name, r.value) for r in first.readings] == [
        ("flops", flops(2, 3, 4)),
        ("energy", 2.0),
        ("params", params(2, 3, 4)),
    ]
    assert second == judge(WHOLE)


def test_a_judgement_does_not_depend_on_what_was_judged_before() -> None:
    def noisy(network: nn.Module) -> Score:
        return Score(float(torch.rand(())), 1.0, 1)

    state = torch.get_rng_state()
    one, other = env(score=noisy).judge, env(score=noisy).judge
    other(WHOLE)
    assert one(HALF) == other(HALF)
    assert torch.equal(torch.get_rng_state(), state)


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
    return replace(given, abandon=abandon), score


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
    half, later = (replace(whole, score=Score(0.1, 1.0, 5, None, floor)) for floor in (0.5, 0.6))
    for given, kept in ((half, half), (later, later), (whole, whole), (half, whole)):
        judge.remember(given)
        assert judge.memo[whole.candidate] is kept


def test_settled_by_hand() -> None:
    whole = judgement((1, 1, 1), flops=0.5)
    half = replace(whole, score=Score(0.1, 1.0, 5, None, 0.5))
    assert [settled(whole, floor) for floor in (None, 0.0, 0.9)] == [True] * 3
    assert [settled(half, floor) for floor in (None, 0.4, 0.5, 0.9)] == [False, False, True, True]
