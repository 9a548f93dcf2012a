import dataclasses
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import BUDGETS, SIZES, SOFT, by_width, env, flops, params, space, widths_of
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External, Flops, Params
from cpruner.env import PruningEnv, PruningProblem
from cpruner.errors import InputError
from cpruner.evaluate import Score

proposals = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3)


def energy(network: nn.Module, inputs: Any) -> float:
    """10 mJ for each channel of the first convolution, 1 for each of the last."""
    a, _, c = widths_of(network)
    return 10.0 * a + c


ENERGY = Budget(External(energy, unit="mJ"), 24.0)  # dense: 48 mJ
SCALED_ENV, SOFT_ENV = env(), env(problem=SOFT)


def play(posed: PruningEnv, proposal: list[float]) -> tuple[NDArray[np.float64], float, dict[str, Any]]:
    """Play one episode; what the last step gave."""
    posed.reset()
    for action in proposal:
        observation, reward, _, _, info = posed.step(np.array([action]))
    return observation, reward, info


@pytest.mark.parametrize("problem", [PruningProblem(), SOFT, PruningProblem(reward="loss", lowest=0.0)])
def test_gymnasium_finds_nothing_to_complain_about(problem: PruningProblem) -> None:
    check_env(env((*BUDGETS, ENERGY), problem), skip_render_check=True)  # there is nothing to render


def test_the_problem_has_a_step_per_group_and_a_constraint_per_budget() -> None:
    posed = env((*BUDGETS, ENERGY))
    assert posed.problem.horizon == 3
    assert posed.problem.action_size == 1
    assert posed.problem.constraints == ("flops", "params", "energy")
    assert posed.problem.limits == (1.0, 1.0, 1.0)
    assert posed.problem.observation_size == 14 + 6
    assert posed.observation_space.shape == posed.reset()[0].shape == (20,)
    assert posed.countable.limits == (("flops", 7568.0), ("params", 324.0))


def test_nothing_is_paid_or_charged_before_the_last_step() -> None:
    posed = env()
    observation, info = posed.reset()
    np.testing.assert_array_equal(observation, posed.observer.observe([]))
    assert info == {}
    for decided in ([0.5], [0.5, 0.25]):
        observation, reward, terminated, truncated, info = posed.step(np.array(decided[-1:]))
        np.testing.assert_array_equal(observation, posed.observer.observe(decided))
        assert (reward, terminated, truncated) == (0.0, False, False)
        assert info["cost"].tolist() == [0.0, 0.0]
        assert "judgement" not in info
    observation, reward, terminated, truncated, info = posed.step(np.array([0.75]))
    np.testing.assert_array_equal(observation, posed.observer.observe([0.5, 0.25, 0.75]))
    assert (terminated, truncated) == (True, False)
    assert reward == info["judgement"].score.accuracy > 0
    assert info["judgement"] is posed.judged


def test_soft_judges_the_proposal_as_it_is() -> None:
    posed = env(problem=SOFT)
    _, reward, info = play(posed, [1.0, 0.5, 0.75])
    assert info["judgement"].candidate == posed.space.at([1.0, 0.5, 0.75])
    assert reward == (4 + 2 * 3 + 3 * 6) / 40
    np.testing.assert_allclose(info["cost"], [flops(4, 3, 6) / 7568, params(4, 3, 6) / 324])
    assert not info["judgement"].feasible


def test_scaled_judges_a_candidate_on_the_budget_and_charges_the_proposal() -> None:
    posed = env()
    _, reward, info = play(posed, [1.0, 0.5, 0.75])
    judged = info["judgement"]
    assert judged.feasible
    assert judged.candidate == posed.space.at(posed.countable.fit(np.array([1.0, 0.5, 0.75]), 0.1).tolist())
    assert judged.candidate.widths != (4, 3, 6)
    assert reward == judged.score.accuracy < (4 + 2 * 3 + 3 * 6) / 40
    np.testing.assert_allclose(info["cost"], [flops(4, 3, 6) / 7568, params(4, 3, 6) / 324])


@given(proposals)
def test_soft_counted_costs_equal_the_last_prediction_and_the_measurement(proposal: list[float]) -> None:
    observation, _, info = play(SOFT_ENV, proposal)
    np.testing.assert_array_equal(info["cost"], observation[14:16])
    np.testing.assert_allclose(info["cost"], [r.scaled for r in info["judgement"].readings], rtol=1e-12)


@given(proposals)
def test_scaled_always_meets_what_can_be_counted(proposal: list[float]) -> None:
    _, _, info = play(SCALED_ENV, proposal)
    assert info["judgement"].feasible


def test_a_measured_cost_is_that_of_the_judged_network() -> None:
    budgets = (Budget(Flops(), 0.5), ENERGY)
    _, _, info = play(env(budgets), [1.0, 1.0, 1.0])
    a, b, c = info["judgement"].candidate.widths
    assert (a, b, c) != SIZES
    assert flops(a, b, c) <= 7568
    np.testing.assert_allclose(info["cost"], [2.0, (10 * a + c) / 24])  # FLOPs of the dense proposal


def test_without_countable_budgets_the_proposal_is_judged() -> None:
    _, _, info = play(env((ENERGY,)), [0.5, 0.2, 1.0])
    assert info["judgement"].candidate.widths == (2, 1, 8)
    np.testing.assert_allclose(info["cost"], [28 / 24])


@pytest.mark.parametrize(("loss", "reward"), [(0.75, -0.75), (250.0, -100.0), (float("inf"), -100.0)])
def test_the_reward_may_be_minus_the_loss_bounded(loss: float, reward: float) -> None:
    posed = env(problem=PruningProblem(reward="loss"), score=lambda network: Score(0.9, loss, 10))
    assert play(posed, [0.5] * 3)[1] == reward


@pytest.mark.parametrize(("divergence", "reward"), [(0.75, -0.75), (250.0, -100.0), (float("inf"), -100.0)])
def test_the_reward_may_be_minus_the_divergence_bounded(divergence: float, reward: float) -> None:
    paid = PruningProblem(reward="divergence")
    posed = env(problem=paid, score=lambda network: Score(0.9, 0.1, 10, divergence))
    assert play(posed, [0.5] * 3)[1] == reward


def test_without_answers_of_the_dense_network_there_is_no_divergence_to_pay() -> None:
    posed = env(problem=PruningProblem(reward="divergence"))
    with pytest.raises(InputError, match=r"PruningProblem\.reward: expected search images in the same order"):
        play(posed, [0.5] * 3)


def test_the_floor_reaches_the_judge() -> None:
    floors: list[float] = []

    def score(network: nn.Module, floor: float = -1.0) -> Score:
        floors.append(floor)
        return by_width(network)

    posed = env(problem=SOFT, score=score)
    posed.judge = dataclasses.replace(posed.judge, abandon=True)
    for floor, proposal in ((None, [0.5] * 3), (0.25, [0.3] * 3)):
        posed.floor = floor
        play(posed, proposal)
    assert floors == [-1.0, 0.25]


def test_actions_are_clipped_to_the_interval_from_lowest_to_one() -> None:
    posed = env(problem=PruningProblem(feasibility="soft", lowest=0.4))
    observation, _, info = play(posed, [7.0, -3.0, 0.5])
    assert info["judgement"].candidate == posed.space.at([1.0, 0.4, 0.5])
    assert observation[13] == pytest.approx(1.9 / 3)


@pytest.mark.parametrize("action", [0.5, [0.5], np.array([[0.5]]), np.float32(0.5), np.array([0.5], dtype=np.float32)])
def test_any_shape_of_a_single_number_is_an_action(action: Any) -> None:
    posed = env(problem=SOFT)
    posed.reset()
    for _ in range(3):
        posed.step(action)
    assert posed.judged.candidate.widths == (2, 3, 4)


def test_an_action_that_is_no_number_is_refused() -> None:
    posed = env()
    posed.reset()
    with pytest.raises(InputError, match=r"keep ratio of '0'.*got nan"):
        posed.step(np.array([np.nan]))


def test_the_same_proposal_is_not_built_twice() -> None:
    built: list[Candidate] = []
    posed = env(built=built)
    first = play(posed, [0.3, 0.4, 0.5])
    again = play(posed, [0.3, 0.4, 0.5])
    assert len(built) == 1
    assert first[1] == again[1]
    assert first[2]["judgement"] is again[2]["judgement"]
    play(posed, [0.9, 0.1, 0.5])
    assert len(built) == 2


def test_proposals_that_scale_to_the_same_network_are_judged_once_but_charged_each() -> None:
    built: list[Candidate] = []
    posed = env(built=built)
    narrow, wide = (play(posed, [ratio] * 3)[2] for ratio in (0.25, 1.0))
    assert len(built) == 1
    assert narrow["judgement"] is wide["judgement"]
    np.testing.assert_allclose(wide["cost"], [2.0, 2.5])
    assert (narrow["cost"] < 1).all()


def test_reset_forgets_an_unfinished_episode() -> None:
    posed = env(problem=SOFT)
    posed.reset()
    posed.step(np.array([0.1]))
    _, _, info = play(posed, [1.0, 1.0, 1.0])
    assert info["judgement"].candidate == posed.space.dense()


def test_there_is_no_judgement_before_the_first_episode_ends() -> None:
    posed = env()
    posed.reset()
    with pytest.raises(AssertionError, match="no episode has finished yet"):
        _ = posed.judged


def test_the_score_is_that_of_the_network_that_was_built() -> None:
    scored: list[tuple[int, ...]] = []

    def score(network: nn.Module) -> Score:
        scored.append(widths_of(network))
        return by_width(network)

    _, _, info = play(env((Budget(Params(), 0.4),), score=score), [0.5, 0.6, 0.7])
    assert scored == [info["judgement"].candidate.widths]
    assert (
        info["judgement"].candidate.kept
        == space().at([width / size for width, size in zip(scored[0], SIZES, strict=True)]).kept
    )


def test_the_candidate_of_the_last_step_is_known_before_it_is_made_and_found_once() -> None:
    fitted: list[Any] = []
    posed = env()
    real = posed.keep_ratios
    posed.keep_ratios = lambda proposal: fitted.append(proposal) or real(proposal)  # type: ignore[method-assign, func-returns-value]
    posed.reset()
    for action in (1.0, 0.5):
        posed.step(np.array([action]))
    candidate = posed.judged_next(np.array([0.75]))
    assert posed.judge.memo == {}
    _, _, done, _, info = posed.step(np.array([0.75]))
    assert done
    assert info["judgement"].candidate is candidate
    assert fitted == [[1.0, 0.5, 0.75]]
    play(posed, [1.0, 0.5, 0.25])
    assert posed.judged.candidate == posed.space.at(real([1.0, 0.5, 0.25]))
