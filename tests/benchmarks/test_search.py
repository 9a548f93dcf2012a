import json
from dataclasses import replace
from pathlib import Path

import pytest
from measure.entry import ENTRIES, WITH_PAST, Entry
from measure.standing import REFERENCE
from search import loss_after, one, prepared, returned, row, without_past
from tiny_job import job, splits
from torch import nn

from cpruner.agent import Plan, Random, WarmUp
from cpruner.command import Job
from cpruner.constraint import Budget, Flops, Reading
from cpruner.evaluate import score
from cpruner.prepared import Prepared
from cpruner.search import Assistant, Search, quality

JOB: Job = job(budgets=(Budget(Flops(), 0.5),), search=Search(evaluations=12, baselines=[]))
QUICK = WarmUp(imitation=5, updates=1, episodes=4)


@pytest.fixture(scope="module")
def ready():
    return prepared(JOB)[0]


@pytest.mark.integration
def test_a_search_is_judged_from_an_empty_memory(ready) -> None:
    found, _ = one(ready, JOB, Entry(Random()), seed=0)
    assert len(found.archive) == 12
    again, _ = one(ready, JOB, Entry(Random(), evaluations=1), seed=0)
    assert len(ready.memo) == len(again.archive) == 1
    assert again.archive[0].candidate == found.archive[0].candidate


def test_a_row_is_of_the_network_that_would_be_returned(ready) -> None:
    found, taken = one(ready, JOB, Entry(Plan(), QUICK), seed=0)
    assert set(taken) == {"seconds", "core_seconds"}
    assert taken["core_seconds"] > 0
    kept = row(ready, splits(), found)
    best = found.require()
    assert kept["search_accuracy"] == best.score.accuracy
    assert kept["search_loss"] == best.score.loss == pytest.approx(kept["loss_after"][-1], abs=1e-6)
    assert kept["test_accuracy"] == score(ready.finish(best.candidate), splits().test).accuracy
    assert kept["feasible"]
    assert kept["evaluations"] == len(kept["loss_after"]) == 12
    assert kept["distinct"] == len({judgement.candidate for judgement in found.archive})


def test_a_search_without_a_feasible_candidate_says_how_near_it_came(ready) -> None:
    found, _ = one(ready, JOB, Entry(Plan(actions=[[1.0]]), posed={"feasibility": "soft"}, evaluations=1), seed=0)
    kept = row(ready, splits(), found)
    assert kept == {
        "evaluations": 1,
        "distinct": 1,
        "loss_after": [None],
        "feasible": False,
        "violation": pytest.approx(1.0),  # all of the FLOPs, where half are allowed
        "passed_over": 0,
    }


def test_what_does_not_meet_a_budget_when_it_is_measured_again_is_passed_over(ready, monkeypatch) -> None:
    found, _ = one(ready, JOB, Entry(Plan(), QUICK), seed=0)
    ranked = sorted({judgement.candidate: judgement for judgement in found.archive}.values(), key=quality, reverse=True)
    second = sum(len(parameter) for parameter in ready.finish(ranked[1].candidate).parameters())
    honest = type(ready).read

    def later(self: Prepared, network: nn.Module) -> tuple[Reading, ...]:
        readings = honest(self, network)
        kept = sum(len(parameter) for parameter in network.parameters()) == second
        return readings if kept else tuple(replace(reading, value=2 * reading.limit) for reading in readings)

    monkeypatch.setattr(type(ready), "read", later)
    best, network, passed_over = returned(ready, found)
    assert best == ranked[1]
    assert network is not None
    assert passed_over == 1
    monkeypatch.setattr(
        type(ready), "read", lambda *_: tuple(replace(each, value=2 * each.limit) for each in ready.dense)
    )
    assert returned(ready, found) == (None, None, len(ranked))
    assert row(ready, splits(), found)["passed_over"] == len(ranked)


def test_searches_without_a_past_are_not_repeated_for_a_comparison_with_one(tmp_path: Path) -> None:
    path, identity = tmp_path / "search_digits.json", {"model": "m", "past": {"task": "other"}}
    entry, helped = ENTRIES["ppo_lagrangian"], WITH_PAST["ppo_lagrangian, policy"]
    rows = {str(seed): {"entry": repr(entry), "search_loss": 0.1 * seed} for seed in range(3)}
    rows["1"]["entry"] = "with other options"
    runs = {"ppo_lagrangian": rows, "random": rows, "ppo_lagrangian, policy": {"0": {"entry": repr(helped)}}}
    assert without_past(path, identity, range(2)) == {}
    path.write_text(json.dumps({"identity": {"model": "m", "past": None}, "runs": runs}))
    assert without_past(path, identity, range(2)) == {"ppo_lagrangian": {"0": rows["0"]}}
    assert without_past(path, identity, range(2, 3)) == {"ppo_lagrangian": {"2": rows["2"]}}
    assert without_past(path, identity | {"model": "another"}, range(3)) == {}


@pytest.mark.integration
def test_the_loss_never_rises_and_what_does_not_fit_does_not_count(ready) -> None:
    entry = Entry(Random(), posed={"feasibility": "soft"})
    found, _ = one(ready, JOB, entry, seed=0)
    after = loss_after(found)
    assert not found.archive[0].feasible
    assert after[0] is None
    known = [loss for loss in after if loss is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) >= sum(judgement.feasible for judgement in found.archive) > 0


def test_help_is_given_to_those_whose_name_says_so() -> None:
    for name, entry in ENTRIES.items():
        helped = "warm-up" in name or name.startswith("knapsack")
        assert entry.warm_up.enabled == helped, name
        assert (entry.assistant != Assistant(proposals=1, moves=0)) == ("assistant" in name), name
    assert REFERENCE in ENTRIES
