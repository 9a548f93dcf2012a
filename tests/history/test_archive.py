from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from tiny_past import TINY, described, filled, quick
from tiny_task import env, space

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External, Flops, Macs
from cpruner.evaluate import Score
from cpruner.history import History, observed, recall
from cpruner.search.forecast import Forecast

OTHER = [Budget(Macs(), 0.3, name="work"), Budget(Flops(), 12000)]


def test_what_is_recalled_is_what_would_be_judged_for_the_new_budgets(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite")
    built: list[Candidate] = []
    posed = env(OTHER, built=built)
    known = recall(history, described(posed), posed)
    assert not built
    distinct = dict.fromkeys(e.kept for e in history.judged(recorder.run))
    assert [judgement.candidate.kept for judgement in known] == list(distinct)
    assert list(known) == [posed.judge.anew(judgement.candidate) for judgement in known]
    assert {reading.name for reading in known[0].readings} == {"work", "flops"}


def test_what_is_known_is_not_built_again(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite")
    built: list[Candidate] = []
    posed = env(OTHER, built=built)
    known = recall(history, described(posed), posed)
    for judgement in known:
        posed.judge.remember(judgement)
    assert list(posed.judge.all([judgement.candidate for judgement in known])) == list(known)
    assert built == []


def test_other_channels_of_the_same_widths_are_another_candidate(tmp_path: Path) -> None:
    posed, history = env(), History(tmp_path / "history.sqlite")
    recorder = history.record(described(posed))
    candidates = [
        space().best((1, 1, 1)),
        Candidate(((0,), (0,), (0,)), space().plan),
        Candidate(((3,), (5,), (7,)), space().plan),
    ]
    for number, candidate in enumerate(dict.fromkeys(candidates), 1):
        recorder.add(number, posed.judge(candidate))
    known = recall(history, described(posed), posed)
    assert [judgement.candidate for judgement in known] == list(dict.fromkeys(candidates))
    ratio_NG, _ = observed(history, described(posed), "accuracy")
    np.testing.assert_array_equal(ratio_NG, [[1 / 4, 1 / 6, 1 / 8]])


@pytest.mark.parametrize("name", ["model", "images", "statistics", "repair", "ranking", "judging", "machine"])
def test_other_conditions_are_not_mixed_in(name: str, tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite", evaluations=2)
    run = described(env(), replace(TINY, **{name: "other"}))
    assert recall(history, run, env()) == ()
    assert observed(history, run, "accuracy")[0].shape == (0, 3)


def test_a_measured_cost_cannot_be_recalled_but_the_rewards_can_be_learned_from(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite", evaluations=4)
    posed = env([*OTHER, Budget(External(lambda network, inputs: 1.0, name="drop"), 2.0)])
    run = described(posed)
    assert recall(history, run, posed) == ()
    assert len(observed(history, run, "accuracy")[1]) == 4


def test_abandoned_candidates_are_left_out(tmp_path: Path) -> None:
    posed = env(score=lambda network: Score(0.1, 2.0, 5, None, abandoned=0.8))
    history, recorder = filled(tmp_path / "history.sqlite", posed, evaluations=2)
    assert len(history.judged(recorder.run)) == 2
    assert recall(history, recorder.run, posed) == ()
    assert len(observed(history, recorder.run, "accuracy")[1]) == 0


def test_the_assistant_learns_from_runs_under_other_budgets(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite", evaluations=20)
    filled(tmp_path / "history.sqlite", quick(env(OTHER)), evaluations=20)
    ratio_NG, reward_N = observed(history, described(env()), "accuracy")
    np.testing.assert_allclose(reward_N, ratio_NG @ np.array([4.0, 12.0, 24.0]) / 40)
    assert len(ratio_NG) == len(np.unique(ratio_NG, axis=0)) > 20
    forecast = Forecast.of(ratio_NG, reward_N)
    unseen = np.random.default_rng(1).uniform(0.1, 1.0, (50, 3))
    assert spearmanr(forecast.predict(unseen)[0], unseen @ [4.0, 12.0, 24.0]).statistic > 0.95


def test_what_was_not_measured_is_not_observed(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=2)
    assert len(observed(history, recorder.run, "divergence")[1]) == 0
    np.testing.assert_allclose(
        observed(history, recorder.run, "loss")[1], observed(history, recorder.run, "accuracy")[1] - 1.0
    )


def test_a_run_that_goes_on_sees_what_it_saw_when_it_began(tmp_path: Path) -> None:
    history, first = filled(tmp_path / "history.sqlite", evaluations=6)
    _, second = filled(tmp_path / "history.sqlite", quick(env(OTHER)), evaluations=6)
    assert len(observed(history, first.run, "accuracy")[1]) == 0
    seen = {evaluation.widths for evaluation in history.judged(first.run)}
    assert len(observed(history, second.run, "accuracy")[1]) == len(seen)
