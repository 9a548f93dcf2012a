"""Masks, levels, drawn budgets, rewards at every step and every kind of feasibility in the environment."""

import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import BUDGETS, SIZES, env, flops, widths_of
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External, Flops
from cpruner.env import PruningEnv, PruningProblem
from cpruner.errors import InputError
from cpruner.evaluate import REWARDS

KINDS = ("soft", "scaled", "clipped", "projected", "repaired")
HARD = KINDS[1:]


def energy(network: nn.Module, inputs: Any) -> float:
    """10 mJ for each channel of the first convolution, 1 for each of the last."""
    a, _, c = widths_of(network)
    return 10.0 * a + c


ENERGY = Budget(External(energy, unit="mJ"), 24.0)  # dense: 48 mJ


def play(posed: PruningEnv, actions: Any, **asked: Any) -> tuple[list[float], list[dict[str, Any]]]:
    """Rewards and infos of one episode."""
    posed.reset(**asked)
    steps = [posed.step(np.array(action, dtype=np.float64)) for action in actions]
    assert [step[2] for step in steps] == [False] * (len(steps) - 1) + [True]
    return [float(step[1]) for step in steps], [step[4] for step in steps]


@pytest.mark.parametrize("action", ["ratio", "levels", "mask"])
@pytest.mark.parametrize("feasibility", KINDS)
def test_gymnasium_finds_nothing_to_complain_about(action: str, feasibility: str) -> None:
    problem = PruningProblem(action=action, feasibility=feasibility, tightest=0.6, pays="every")
    check_env(env((*BUDGETS, ENERGY), problem), skip_render_check=True)


@cache
def cached(budgets: tuple[Budget, ...], problem: PruningProblem) -> PruningEnv:
    """One environment for all examples of a test; what was judged before changes nothing."""
    return env(budgets, problem)


masks = st.lists(st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8), min_size=3, max_size=3)


@settings(max_examples=40, deadline=None)
@given(masks, st.sampled_from(HARD), st.sampled_from(["ratio", "levels", "mask"]), st.floats(0.3, 1.0))
def test_every_rule_but_soft_meets_what_can_be_counted(
    actions: list[list[float]], feasibility: str, action: str, share: float
) -> None:
    posed = cached((*BUDGETS, ENERGY), PruningProblem(feasibility=feasibility, action=action))
    _, infos = play(posed, actions, options={"share": share})
    readings = infos[-1]["judgement"].readings
    assert all(reading.scaled <= share for reading in readings if reading.name != "energy")


@settings(max_examples=30, deadline=None)
@given(masks, st.sampled_from(["ratio", "mask"]))
def test_repaired_meets_what_must_be_measured(actions: list[list[float]], action: str) -> None:
    posed = cached((*BUDGETS, ENERGY), PruningProblem(feasibility="repaired", action=action, measurements=8))
    _, infos = play(posed, actions)
    assert infos[-1]["judgement"].feasible


def test_the_networks_measured_are_not_measured_again_in_the_next_episode() -> None:
    asked: list[tuple[int, int, int]] = []
    cost = External(lambda network, inputs: asked.append(widths_of(network)) or energy(network, inputs), name="energy")
    posed = env((Budget(cost, 24.0),), PruningProblem(feasibility="repaired"))
    asked.clear()
    _, first = play(posed, [[0.9], [0.3], [0.6]])
    measured = len(asked)
    assert 1 < measured <= 6 + 1  # the judge has its own look at what it judges
    _, again = play(posed, [[0.9], [0.3], [0.6]])
    assert first[-1]["judgement"] is again[-1]["judgement"]
    assert len(asked) == measured


def test_the_executed_action_is_told_at_every_step() -> None:
    ratio = env(problem=PruningProblem(feasibility="soft", lowest=0.25))
    assert [info["action"].tolist() for info in play(ratio, [[-1.0], [0.3], [2.0]])[1]] == [[0.25], [0.3], [1.0]]
    levels = env(problem=PruningProblem(feasibility="soft", action="levels", levels=4))
    np.testing.assert_allclose([i["action"][0] for i in play(levels, [[0.0], [0.5], [0.9]])[1]], [0.1, 0.4, 1.0])
    clipped = env(problem=PruningProblem(feasibility="clipped"))
    _, infos = play(clipped, [[1.0]] * 3)
    executed = [info["action"][0] for info in infos]
    assert infos[-1]["judgement"].candidate == clipped.space.at(executed)
    assert executed != [1.0] * 3


def test_a_mask_keeps_the_units_it_names() -> None:
    posed = env(problem=PruningProblem(action="mask", feasibility="soft"))
    assert posed.problem.action_size == 8
    assert posed.action_space.shape == (8,)
    first, second, third = [1, 0, 0, 1, 1, 1, 1, 1], [0.0] * 8, [0.4, 0.5, 0.6, 0.4, 0.4, 0.7, 0.4, 0.9]
    _, infos = play(posed, [first, second, third])
    kept = infos[-1]["judgement"].candidate.kept
    assert kept[0] == (0, 3)
    assert kept[1] == (posed.space.ranking[1][0],)  # nothing is asked for: the lowest number, best-ranked
    assert kept[2] == (1, 2, 5, 7)
    assert [np.flatnonzero(info["action"]).tolist() for info in infos] == [[0, 3], [kept[1][0]], [1, 2, 5, 7]]


@pytest.mark.parametrize("feasibility", HARD)
def test_of_a_mask_that_costs_too_much_the_highest_scores_stay(feasibility: str) -> None:
    posed = env(problem=PruningProblem(action="mask", feasibility=feasibility))
    scores = np.array([0.95, 0.6, 0.9, 0.55, 0.85, 0.7, 0.65, 0.8])
    _, infos = play(posed, [scores] * 3)
    judged = infos[-1]["judgement"]
    assert judged.feasible
    assert judged.candidate.widths != SIZES
    for kept, size in zip(judged.candidate.kept, SIZES, strict=True):
        best = np.argsort(-scores[:size])[: len(kept)]
        assert sorted(best.tolist()) == list(kept)


def test_the_same_proposal_for_another_share_is_another_candidate() -> None:
    posed = env(problem=PruningProblem(tightest=0.4))
    ends = [play(posed, [[0.5]] * 3, options={"share": share})[1][-1]["judgement"] for share in (1.0, 0.5)]
    assert ends[0].candidate != ends[1].candidate


def test_masks_of_equal_numbers_and_other_units_are_other_candidates() -> None:
    posed = env(problem=PruningProblem(action="mask", feasibility="soft"))
    one, two = np.eye(8)[0] + np.eye(8)[1], np.eye(8)[2] + np.eye(8)[3]
    first, second = (play(posed, [mask] * 3)[1][-1]["judgement"] for mask in (one, two))
    assert first.candidate.widths == second.candidate.widths
    assert first.candidate != second.candidate


def test_a_mask_is_seen_as_its_share() -> None:
    posed = env(problem=PruningProblem(action="mask"))
    posed.reset()
    observation = posed.step(np.array([1.0, 0.0, 0.0, 0.0, 1, 1, 1, 1]))[0]
    np.testing.assert_array_equal(observation, env().observer.observe([0.25]))


def test_budgets_are_drawn_by_the_seed_and_again_without_one() -> None:
    posed, twin = (env(problem=PruningProblem(tightest=0.4)) for _ in range(2))
    assert posed.problem.observation_size == 14 + 4 + 1
    np.testing.assert_array_equal(posed.reset(seed=5)[0], twin.reset(seed=5)[0])
    shares = {posed.reset()[0][-1] for _ in range(5)} | {posed.reset(seed=5)[0][-1]}
    assert len(shares) == 6
    assert posed.share == twin.share


def test_observations_costs_and_feasibility_follow_the_drawn_limits_and_judgements_do_not() -> None:
    plain, drawn = env((*BUDGETS, ENERGY)), env((*BUDGETS, ENERGY), PruningProblem(tightest=0.3))
    drawn.reset(options={"share": 0.5})
    _, infos = play(drawn, [[1.0], [0.5], [0.75]], options={"share": 0.5})
    judged = infos[-1]["judgement"]
    assert max(reading.scaled for reading in judged.readings[:2]) <= 0.5
    counts = plain.observer.predict([1.0, 0.5, 0.75])
    np.testing.assert_allclose(infos[-1]["cost"][:2], 2 * counts[:2])
    assert infos[-1]["cost"][2] == pytest.approx(2 * energy_of(judged.candidate) / 24)
    assert [reading.limit for reading in judged.readings] == [7568.0, 324.0, 24.0]
    assert judged.feasible == (energy_of(judged.candidate) <= 24)


def energy_of(candidate: Candidate) -> float:
    return 10.0 * candidate.widths[0] + candidate.widths[2]


@pytest.mark.parametrize("feasibility", KINDS)
def test_off_is_as_if_there_were_no_shares(feasibility: str) -> None:
    plain = env(problem=PruningProblem(feasibility=feasibility))
    state = plain.np_random.bit_generator.state
    assert plain.reset()[0].shape == (18,)
    assert plain.share == 1.0
    assert plain.np_random.bit_generator.state == state


def test_budgets_no_network_meets_are_not_drawn() -> None:
    least = max(flops(1, 1, 1) / 7568, 53 / 324)
    assert env(problem=PruningProblem(tightest=1.01 * least)).share == 1.0
    with pytest.raises(InputError, match=r"share of the limits: expected at least 0\.2024"):
        env(problem=PruningProblem(tightest=0.99 * least))
    with pytest.raises(InputError, match="share of the limits"):
        env().reset(options={"share": 0.01})


@pytest.mark.integration
@settings(max_examples=15, deadline=None)
@given(masks, st.sampled_from(KINDS), st.sampled_from(REWARDS[:3]))
def test_rewards_of_every_step_add_up_to_the_score(actions: list[list[float]], feasibility: str, reward: str) -> None:
    spec = {"feasibility": feasibility, "reward": reward}
    every, end = (cached(BUDGETS, PruningProblem(**spec, pays=pays)) for pays in ("every", "end"))
    paid, infos = play(every, actions)
    (*zeros, total), expected = play(end, actions)
    assert zeros == [0.0, 0.0]
    assert sum(paid) == pytest.approx(total)
    assert total == end.score(end.judged)
    assert infos[-1]["judgement"].candidate == expected[-1]["judgement"].candidate


def test_every_step_pays_what_the_network_cut_so_far_has_lost() -> None:
    built: list[Candidate] = []
    posed = env(problem=PruningProblem(feasibility="soft", reward="accuracy", pays="every"), built=built)
    paid, infos = play(posed, [[0.5], [0.5], [0.25]])
    assert [candidate.widths for candidate in built] == [(2, 6, 8), (2, 3, 8), (2, 3, 2)]
    np.testing.assert_allclose(paid, [38 / 40, -6 / 40, -18 / 40])
    assert ["judgement" in info for info in infos] == [False, False, True]
    assert play(posed, [[0.5], [0.5], [0.25]])[0] == paid  # it starts anew
    assert len(built) == 3


def test_a_copy_of_the_environment_goes_its_own_way() -> None:
    posed = env(problem=PruningProblem(action="mask", feasibility="clipped", pays="every"))
    posed.reset()
    posed.step(np.ones(8))
    twin = copy.copy(posed)
    ends: list[NDArray[np.float64]] = []
    for one in (posed, twin):
        one.step(np.full(8, 0.9))
        ends.append(one.step(np.ones(8))[0])
    np.testing.assert_array_equal(*ends)


def test_without_a_measured_budget_repaired_is_scaled() -> None:
    repaired, scaled = (
        env((Budget(Flops(), 0.5),), PruningProblem(feasibility=name)) for name in ("repaired", "scaled")
    )
    for proposal in ([1.0, 0.5, 0.7], [0.2, 0.2, 0.3]):
        assert repaired.keep_ratios(proposal) == scaled.keep_ratios(proposal)
