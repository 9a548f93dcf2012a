import json
import sqlite3
from pathlib import Path

import pytest
from tiny_run import Told, pruned

from cpruner.agent import Clipped, Plan, Random, WarmUp, ppo_lagrangian
from cpruner.constraint import Budget, Flops, Params
from cpruner.history import History, Past
from cpruner.search import Assistant
from cpruner.settings import AGENT

PPO = ppo_lagrangian(update=Clipped(epochs=2))
QUICK = WarmUp(imitation=5, updates=1, episodes=4)
TIGHT = (Budget(Flops(), 0.4), Budget(Params(), 0.3))


def widths(result, name=AGENT):
    return [judgement.candidate.widths for judgement in result.searches[name].archive]


def test_every_judged_candidate_of_every_search_is_kept(tmp_path: Path) -> None:
    store = tmp_path / "history.sqlite"
    result = pruned(evaluations=5, past=Past(store=str(store)), baselines={"random": Random()}, run_dir=tmp_path / "a")
    history = History(store)
    runs = history.runs()
    assert [(run.name, run.folder) for run in runs] == [(name, str(tmp_path / "a")) for name in (AGENT, "random")]
    for run in runs:
        kept = history.episodes(run)
        archive = result.searches[run.name].archive
        assert [evaluation.widths for evaluation in kept] == [judgement.candidate.widths for judgement in archive]
        assert [evaluation.score for evaluation in kept] == [judgement.score for judgement in archive]
        assert all(evaluation.episode is not None for evaluation in kept)


def test_a_person_can_read_it(tmp_path: Path) -> None:
    store = tmp_path / "history.sqlite"
    result = pruned(evaluations=3, past=Past(store=str(store)))
    with sqlite3.connect(store) as connection:
        rows = connection.execute("SELECT widths, accuracy FROM evaluation ORDER BY number").fetchall()
    connection.close()
    archive = result.searches[AGENT].archive
    assert [(tuple(json.loads(text)), accuracy) for text, accuracy in rows] == [
        (judgement.candidate.widths, judgement.score.accuracy) for judgement in archive
    ]


@pytest.mark.integration
def test_what_was_judged_for_another_budget_is_not_judged_again(tmp_path: Path) -> None:
    past = Past(store=str(tmp_path / "history.sqlite"))
    pruned(agent=Random(), evaluations=8, past=past)
    alone = pruned(*TIGHT, agent=Random(), evaluations=8)
    again = pruned(*TIGHT, agent=Random(), evaluations=8, past=past)
    assert widths(alone) == widths(again)
    assert again.searches[AGENT].archive == alone.searches[AGENT].archive
    assert len(again.prepared.memo) > len(alone.prepared.memo)


@pytest.mark.integration
def test_an_interrupted_run_goes_on_in_its_own_row(tmp_path: Path) -> None:
    options = {"agent": PPO, "evaluations": 12, "warm_up": QUICK}
    whole = pruned(**options, past=Past(store=str(tmp_path / "one.sqlite"), assistant=True))

    def stop(event: str) -> None:
        if event == "agent 7/12":
            raise KeyboardInterrupt

    past = Past(store=str(tmp_path / "two.sqlite"), assistant=True)
    with pytest.raises(KeyboardInterrupt):
        pruned(**options, past=past, run_dir=tmp_path / "run", watcher=Told(stop))
    pruned(agent=Random(), evaluations=9, past=past)  # another run in between
    resumed = pruned(**options, past=past, resume=tmp_path / "run")
    assert widths(resumed) == widths(whole)
    runs = History(Path(str(past.store))).runs()
    assert [len(History(Path(str(past.store))).judged(run)) for run in runs] == [12, 9]


@pytest.mark.integration
def test_earlier_judgements_help_the_assistant_choose(tmp_path: Path) -> None:
    past = Past(store=str(tmp_path / "history.sqlite"), assistant=True)
    options = {"agent": PPO, "evaluations": 5, "warm_up": QUICK, "assistant": Assistant(fewest=4)}
    pruned(*TIGHT, agent=Random(), evaluations=20, past=past)
    told, untold = pruned(**options, past=past), pruned(**options)
    assert widths(told) != widths(untold)  # enough rewards are known: the first proposals are filtered already


def test_the_agent_is_prepared_and_the_knapsack_too() -> None:
    result = pruned(
        agent=PPO, evaluations=3, warm_up=QUICK, baselines={"knapsack": Plan(), "other": Plan(actions=[[0.2]])}
    )
    first = result.searches["knapsack"].archive[0].candidate.widths
    assert first != result.searches["other"].archive[0].candidate.widths
    cold = pruned(agent=PPO, evaluations=3, warm_up=WarmUp(enabled=False), baselines={"knapsack": Plan()})
    assert widths(cold) != widths(result)
    assert cold.searches["knapsack"].archive[0].candidate.widths != first


@pytest.mark.integration
def test_a_policy_of_an_earlier_search_takes_the_place_of_a_warm_up(tmp_path: Path) -> None:
    pruned(agent=PPO, evaluations=5, run_dir=tmp_path / "first")
    past = Past(policy=str(tmp_path / "first" / "search" / "agent.pt"))
    options = {"agent": PPO, "evaluations": 3, "past": past, "assistant": Assistant(proposals=1, moves=0)}
    warm, cold = (pruned(**options, warm_up=warm_up) for warm_up in (QUICK, WarmUp(enabled=False)))
    assert widths(warm) == widths(cold)
