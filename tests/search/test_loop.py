from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_task import BUDGETS, SOFT, Scripted, env, flops, params

from cpruner.agent import Clipped, CrossEntropy, OnPolicy, Random
from cpruner.candidate import Candidate
from cpruner.cmdp import Agent, AgentSpec
from cpruner.constraint import Budget, External, Flops
from cpruner.env import PruningProblem
from cpruner.errors import CheckpointError, CostError
from cpruner.search import FILE, Progress, Saving, SearchResult, search

IDENTITY = {"model": "tiny", "seed": 0}
AGENTS: dict[str, AgentSpec] = {
    "Random": Random(),
    "CrossEntropy": CrossEntropy(episodes_per_update=4),
    "OnPolicy": OnPolicy(episodes_per_update=4, update=Clipped(epochs=5)),
}


class Interrupted(KeyboardInterrupt):
    """The user lost patience."""


def stop_after(count: int) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.evaluations == count:
            raise Interrupted

    return watch


def same(left: Any, right: Any) -> bool:
    """Equality of nested plain data and tensors, bit by bit."""
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


def run(
    spec: AgentSpec,
    evaluations: int,
    folder: Path | None = None,
    *,
    seed: int = 0,
    resume: Path | None = None,
    watch: Callable[[Progress], None] | None = None,
    problem: PruningProblem = SOFT,
) -> tuple[SearchResult, Agent]:
    """A search by a fresh agent in a fresh environment."""
    posed = env(problem=problem)
    agent = spec.build(posed.problem, seed)
    earlier = None if resume is None else resume / FILE
    saving = None if folder is None else Saving(folder / FILE, {**IDENTITY, "seed": seed}, earlier)
    return search(posed, agent, evaluations, saving=saving, watch=watch), agent


@cache
def whole(name: str, evaluations: int) -> tuple[SearchResult, Agent]:
    """A run of one of the agents that nothing interrupts."""
    return run(AGENTS[name], evaluations)


@pytest.mark.parametrize("evaluations", [1, 2, 3, 4, 6, 7])
def test_evaluations_are_counted_exactly_and_a_last_partial_batch_teaches_nothing(evaluations: int) -> None:
    agent = Scripted(episodes_per_update=3)
    result = search(env(), agent, evaluations)
    assert len(result.archive) == evaluations
    assert agent.steps == 3 * evaluations
    assert [len(episodes) for episodes in agent.learnt] == [3] * (evaluations // 3)
    assert [update.evaluations for update in result.updates] == [3 * (i + 1) for i in range(evaluations // 3)]


def test_the_archive_keeps_the_order_of_play_repeats_included() -> None:
    built: list[Candidate] = []
    script = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.5, 0.75]
    result = search(env(problem=SOFT, built=built), Scripted(script), 5)
    widths = [(4, 6, 8), (2, 3, 4), (1, 3, 6)]
    assert [judged.candidate.widths for judged in result.archive] == [*widths, *widths[:2]]
    assert [candidate.widths for candidate in built] == widths


def test_the_agent_learns_from_the_episodes_it_played() -> None:
    agent = Scripted([1.0, 1.0, 1.0, 0.5, 0.5, 7.0], episodes_per_update=2, multipliers=(0.25, 0.5))
    result = search(env(problem=SOFT), agent, 2)
    (episodes,) = agent.learnt
    np.testing.assert_array_equal(episodes[1].action_TA, [[0.5], [0.5], [7.0]])  # as chosen, before clipping
    np.testing.assert_array_equal(episodes[1].reward_T, [0.0, 0.0, (2 + 2 * 3 + 3 * 8) / 40])
    second = [flops(2, 3, 8) / 7568, params(2, 3, 8) / 324]
    np.testing.assert_allclose(episodes[1].cost_TK, [[0, 0], [0, 0], second])
    (update,) = result.updates
    assert update.reward == pytest.approx((1 + 32 / 40) / 2)
    assert update.costs == pytest.approx({"flops": (2 + second[0]) / 2, "params": (2.5 + second[1]) / 2})
    assert update.multipliers == {"flops": 0.25, "params": 0.5}
    assert update.scalars == {"lessons": 1}


def test_the_watcher_hears_of_every_evaluation() -> None:
    told: list[Progress] = []
    script = [0.9] * 3 + [0.4, 0.4, 0.4] + [0.5, 0.5, 0.5] + [0.1] * 3 + [0.3] * 3
    result = search(env(problem=SOFT), Scripted(script, episodes_per_update=2), 5, watch=told.append)
    assert [progress.evaluations for progress in told] == [1, 2, 3, 4, 5]
    assert {progress.total for progress in told} == {5}
    assert [progress.last for progress in told] == list(result.archive)
    small, half = result.archive[1:3]
    assert [progress.best for progress in told] == [None, small, half, half, half]
    first, second = result.updates
    assert [progress.update for progress in told] == [None, None, first, first, second]


def test_nothing_is_written_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    search(env(), Scripted(), 2)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_written_after_every_update(tmp_path: Path) -> None:
    held: list[int] = []

    def watch(progress: Progress) -> None:
        saved = torch.load(tmp_path / FILE, weights_only=True)["archive"] if (tmp_path / FILE).exists() else []
        held.append(len(saved))

    run(CrossEntropy(episodes_per_update=2), 5, tmp_path, watch=watch)
    assert held == [0, 0, 2, 2, 4]
    assert len(torch.load(tmp_path / FILE, weights_only=True)["archive"]) == 5


@pytest.mark.parametrize("spec", AGENTS.values(), ids=AGENTS)
def test_the_same_seed_gives_the_same_run_and_another_seed_another(spec: AgentSpec) -> None:
    (one, agent), (two, twin), (other, _) = (run(spec, 9, seed=seed) for seed in (0, 0, 1))
    assert one == two
    assert same(agent.state_dict(), twin.state_dict())
    assert one.archive != other.archive


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("stop", [2, 7, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (4, 10))])
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(name: str, stop: int, tmp_path: Path) -> None:
    spec, (expected, agent) = AGENTS[name], whole(name, 10)
    with pytest.raises(Interrupted):
        run(spec, 10, tmp_path, watch=stop_after(stop))
    assert len(torch.load(tmp_path / FILE, weights_only=True)["archive"]) == stop
    resumed, twin = run(spec, 10, tmp_path, resume=tmp_path)
    assert resumed == expected
    assert same(twin.state_dict(), agent.state_dict())


@pytest.mark.integration
@pytest.mark.parametrize("spec", AGENTS.values(), ids=AGENTS)
def test_a_finished_search_can_be_made_longer(spec: AgentSpec, tmp_path: Path) -> None:
    expected, agent = run(spec, 14)
    run(spec, 6, tmp_path)  # two evaluations into a batch of four
    longer, twin = run(spec, 14, tmp_path, resume=tmp_path)
    assert longer == expected
    assert same(twin.state_dict(), agent.state_dict())


def test_a_finished_search_is_not_played_again(tmp_path: Path) -> None:
    built: list[Candidate] = []
    finished, _ = run(CrossEntropy(episodes_per_update=4), 6, tmp_path)
    posed = env(problem=SOFT, built=built)
    agent = CrossEntropy(episodes_per_update=4).build(posed.problem, 0)
    saving = Saving(tmp_path / FILE, IDENTITY, tmp_path / FILE)
    assert search(posed, agent, 6, saving=saving) == finished
    assert built == []


def test_what_was_judged_before_the_interruption_is_not_built_again(tmp_path: Path) -> None:
    saving = Saving(tmp_path / FILE, IDENTITY)
    script = [1.0] * 3 + [0.5] * 3
    search(env(), Scripted(script), 2, saving=saving)
    built: list[Candidate] = []
    resumed = search(env(built=built), Scripted(script), 6, saving=Saving(tmp_path / FILE, IDENTITY, tmp_path / FILE))
    assert len(resumed.archive) == 6
    assert built == []


@pytest.mark.integration
def test_a_resumed_search_can_be_interrupted_at_once_and_resumed_again(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        folder.mkdir()
    spec = CrossEntropy(episodes_per_update=4)
    with pytest.raises(Interrupted):
        run(spec, 12, first, watch=stop_after(5))
    with pytest.raises(Interrupted):
        run(spec, 12, second, resume=first, watch=stop_after(5))
    assert run(spec, 12, third, resume=second)[0] == whole("CrossEntropy", 12)[0]


def test_the_checkpoint_of_another_seed_or_a_missing_one_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    run(Random(), 2, tmp_path)
    before = (tmp_path / FILE).read_bytes()
    told: list[Progress] = []
    with pytest.raises(CheckpointError, match="expected seed = 1, got 0"):
        run(Random(), 4, tmp_path, seed=1, resume=tmp_path, watch=told.append)
    with pytest.raises(CheckpointError, match="got no such file"):
        run(Random(), 4, tmp_path, resume=tmp_path / "nowhere", watch=told.append)
    assert told == []
    assert (tmp_path / FILE).read_bytes() == before


def test_a_failing_cost_ends_the_search_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    calls: list[int] = []

    def energy(network: Any, inputs: Any) -> float:
        calls.append(1)
        return 1.0 if len(calls) <= 4 else float("nan")

    posed = env((*BUDGETS, Budget(External(energy), 2.0)), SOFT)  # two calls for the dense network
    with pytest.raises(CostError, match="cost 'energy': expected a finite number, got nan"):
        search(posed, Random().build(posed.problem, 0), 5, saving=Saving(tmp_path / FILE, IDENTITY))
    assert len(torch.load(tmp_path / FILE, weights_only=True)["archive"]) == 2


def test_numbers_of_numpy_in_an_update_do_not_spoil_the_checkpoint(tmp_path: Path) -> None:
    agent = Scripted(multipliers=(np.float64(0.5),))
    posed = env((Budget(Flops(), 0.5),))
    result = search(posed, agent, 2, saving=Saving(tmp_path / FILE, IDENTITY))
    saving = Saving(tmp_path / FILE, IDENTITY, tmp_path / FILE)
    assert search(posed, Scripted(), 2, saving=saving) == result
