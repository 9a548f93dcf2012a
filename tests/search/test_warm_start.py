import numpy as np
import pytest
from surrogates import falling
from tiny_task import env

from cpruner.agent import Clipped, Gaussian, OnPolicy
from cpruner.agent.warm_up import WarmUp
from cpruner.constraint import Budget, External
from cpruner.env import PruningProblem
from cpruner.env.share import spread
from cpruner.search.rollout import decide
from cpruner.search.warm_start import BUDGETS, solutions, warm_start
from cpruner.surrogate import knapsack


def test_the_solution_is_the_knapsack_of_the_budgets() -> None:
    posed = env()
    made = falling(posed.space, 0)
    (found_GA,) = solutions(posed, made)
    assert posed.space.widths(found_GA[:, 0].tolist()) == knapsack(made, posed.countable.limits)
    assert posed.countable.fits(found_GA[:, 0].tolist())


def test_where_budgets_are_drawn_every_share_has_its_own_solution() -> None:
    posed = env(problem=PruningProblem(tightest=0.6))
    made = falling(posed.space, 0)
    found_NG = solutions(posed, made)[:, :, 0]
    assert len(found_NG) == BUDGETS
    assert posed.countable.fits_of(found_NG, spread(0.6, BUDGETS)).all()
    assert not posed.countable.fits_of(found_NG[:1], np.array([0.6])).any()
    least = [(name, 0.6 * limit) for name, limit in posed.countable.limits]
    assert [posed.space.widths(list(found_NG[row])) for row in (0, -1)] == [
        knapsack(made, posed.countable.limits),
        knapsack(made, least),
    ]


def test_without_a_countable_budget_there_is_nothing_to_imitate() -> None:
    posed = env(budgets=[Budget(External(lambda network, inputs: 1.0), limit=2.0, name="drop")])
    assert solutions(posed, falling(posed.space, 0)).shape == (0, 3, 1)


@pytest.mark.parametrize("feasibility", ["soft", "scaled"])
def test_an_agent_that_imitates_decides_for_the_best_widths_at_once(feasibility: str) -> None:
    posed = env(problem=PruningProblem(feasibility=feasibility))
    made = falling(posed.space, 1)
    agent = OnPolicy(policy=Gaussian(initial_std=0.001, std_floor=0.001)).build(posed.problem, seed=0)
    assert (
        warm_start(agent, posed, made, WarmUp(imitation=600, imitation_lr=0.01, updates=0), solutions(posed, made))
        == []
    )
    assert decide(posed, agent).candidate.widths == knapsack(made, posed.countable.limits)
    assert len(posed.judge.memo) == 0


def test_practice_raises_the_predicted_reward_and_judges_nothing() -> None:
    posed = env(problem=PruningProblem(feasibility="scaled"))
    made = falling(posed.space, 2)
    agent = OnPolicy(update=Clipped(epochs=10, lr=0.003)).build(posed.problem, seed=0)
    stats = warm_start(agent, posed, made, WarmUp(imitation=0, updates=12, episodes=32), solutions(posed, made))
    rewards = [update.scalars["reward"] for update in stats]
    assert np.mean(rewards[-3:]) > np.mean(rewards[:3])
    assert len(posed.judge.memo) == 0
