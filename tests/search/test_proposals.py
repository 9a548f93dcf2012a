from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from tiny_task import SOFT, Scripted, env, judgement, widths_of
from torch import nn

from cpruner.cmdp import Array
from cpruner.constraint import Budget, External, Flops, Reading
from cpruner.env import PruningProblem
from cpruner.search import Assistant, Assisting
from cpruner.search.assistant import Outcomes
from cpruner.search.proposals import proposals

WIDE, NARROW = np.array([[1.0], [1.0], [0.5]]), np.array([[0.25], [0.5], [0.5]])


@dataclass
class Choosing:
    """Takes the last proposal for every judgement, and remembers what it was told."""

    spec: Assistant
    solutions: list[Array] = field(default_factory=list)
    told: list[tuple[Outcomes, Array]] = field(default_factory=list)
    drawn: list[float] | None = None

    def ready(self, judged: int) -> bool:
        return judged > 0

    def choose(self, seen: Outcomes, proposed_MG: Array, count: int, share_M: Array, *, apart: bool) -> list[int]:
        assert apart is (self.drawn is not None)
        if self.drawn is None:
            assert share_M.tolist() == [1.0] * len(proposed_MG)
        else:
            self.drawn += share_M.tolist()
        self.told.append((seen, proposed_MG))
        every = len(proposed_MG) // count
        return [every * (number + 1) - 1 for number in range(count)]


def widths(found):
    return [decided.candidate.widths for decided in found]


@pytest.mark.parametrize("helped", [True, False])
def test_solutions_are_judged_first_and_once(helped: bool) -> None:
    posed, agent = env(problem=SOFT), Scripted([0.5])
    assisting = Assisting(Assistant(), solutions=[WIDE, NARROW]) if helped else None
    mine, shown = (2, 3, 4), [(4, 6, 4), (1, 3, 4)]
    assert widths(proposals(posed, agent, 3, [], assisting, 0)) == ([*shown, mine] if helped else [mine] * 3)
    assert widths(proposals(posed, agent, 1, [], assisting, 0)) == ([shown[0]] if helped else [mine])
    later = [judgement((1, 1, 1), flops=0.5)]
    assert widths(proposals(posed, agent, 2, later, assisting, 0)) == [mine] * 2


def test_an_agent_learns_from_a_solution_as_from_its_own_episodes() -> None:
    posed, agent = env(problem=PruningProblem(feasibility="clipped", reward="accuracy")), Scripted([0.5])
    for executed in (False, True):
        agent.learns_executed = executed  # type: ignore[attr-defined]
        (decided,) = proposals(posed, agent, 1, [], Assisting(Assistant(), solutions=[np.ones((3, 1))]), 0)
        acted = decided.finish().action_TA[:, 0]
        assert (acted.tolist() == [1.0, 1.0, 1.0]) is not executed  # what fits the budgets is less than all


def test_moves_of_the_best_feasible_candidates_are_proposed_beside_the_agents() -> None:
    posed, agent = env(problem=SOFT), Scripted([0.5])
    choosing = Choosing(Assistant(proposals=2, moves=3, elite=1, components=1, step=0.01))
    archive = [
        judgement((4, 6, 8), accuracy=0.9, flops=2.0),  # the best, and too dear
        judgement((2, 3, 6), accuracy=0.8, flops=0.9),
        judgement((1, 1, 1), accuracy=0.1, flops=0.1),
    ]
    found = proposals(posed, agent, 2, archive, choosing, 0)  # type: ignore[arg-type]
    ((seen, proposed_MG),) = choosing.told
    np.testing.assert_allclose(seen.ratio_NG, [[1, 1, 1], [0.5, 0.5, 0.75], [0.25, 1 / 6, 0.125]])
    assert seen.reward_N.tolist() == [0.9, 0.8, 0.1]
    assert seen.cost_NK.shape == (3, 0)  # what can be counted need not be foreseen
    mine, best = [0.5, 0.5, 0.5], [0.5, 0.5, 0.75]
    np.testing.assert_allclose(proposed_MG, [mine, mine, best, best, best] * 2, atol=0.02)
    assert widths(found) == [(2, 3, 6)] * 2


def test_without_a_feasible_candidate_those_that_exceed_the_budgets_least_are_moved() -> None:
    posed, choosing = env(problem=SOFT), Choosing(Assistant(proposals=1, moves=2, elite=1, step=0.01))
    archive = [
        judgement((4, 6, 8), accuracy=0.9, flops=2.0, params=1.1),
        judgement((2, 3, 6), accuracy=0.1, flops=0.9, params=1.2),
    ]
    proposals(posed, Scripted([0.5]), 1, archive, choosing, 0)  # type: ignore[arg-type]
    np.testing.assert_allclose(choosing.told[0][1], [[0.5, 0.5, 0.5], *[[0.5, 0.5, 0.75]] * 2], atol=0.02)


def test_where_budgets_are_drawn_each_moves_what_is_best_for_it() -> None:
    posed = env(problem=replace(SOFT, tightest=0.4))
    choosing = Choosing(Assistant(proposals=1, moves=2, elite=1, components=1, step=0.01), drawn=[])
    archive = [judgement((2, 4, 6), accuracy=0.8, flops=1.0), judgement((1, 3, 4), accuracy=0.5, flops=0.4)]
    proposals(posed, Scripted([0.5]), 12, archive, choosing, 0)  # type: ignore[arg-type]
    share_S3, moved_S3G = np.array(choosing.drawn).reshape(12, 3), choosing.told[0][1].reshape(12, 3, 3)
    assert len(set(share_S3[:, 0])) > 2  # one of each seed
    assert (share_S3 == share_S3[:, :1]).all()
    wide, narrow = np.array([2, 4, 6]) / [4, 6, 8], np.array([1, 3, 4]) / [4, 6, 8]
    for share, moved_3G in zip(share_S3[:, 0], moved_S3G, strict=True):
        start = wide if share > np.sqrt(0.4) else narrow
        np.testing.assert_allclose(moved_3G[1:], [start] * 2, atol=0.02)
    assert {share > np.sqrt(0.4) for share in share_S3[:, 0]} == {True, False}


@pytest.mark.parametrize("rule", ["soft", "repaired"])
def test_costs_that_have_to_be_measured_are_told_unless_proposals_are_repaired(rule: str) -> None:
    cost = External(lambda network, inputs: float(widths_of(network)[0]), name="energy")
    posed = env((Budget(Flops(), 1.0), Budget(cost, 2.0)), PruningProblem(feasibility=rule, reward="accuracy"))
    choosing, spread = Choosing(Assistant(proposals=2, moves=0)), Reading("energy", "W", 1.0, 0.5, 2.0, 4.0)
    made = judgement((1, 1, 1), flops=0.9)
    archive = [replace(made, readings=(*made.readings, spread))]
    proposals(posed, Scripted([0.5]), 1, archive, choosing, 0)  # type: ignore[arg-type]
    assert choosing.told[0][0].cost_NK.tolist() == ([[0.75]] if rule == "soft" else [[]])  # (1 + 0.5) / 2


def test_the_same_search_proposes_the_same() -> None:
    archive = [judgement((2, 3, 4), flops=0.9)]
    found = []
    for seed in (0, 0, 1):
        choosing = Choosing(Assistant(proposals=1, moves=4, step=0.4))
        proposals(env(problem=SOFT), Scripted([0.5]), 2, archive, choosing, seed)  # type: ignore[arg-type]
        found.append(choosing.told[0][1])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_only_what_will_be_judged_is_measured() -> None:
    asked: list[nn.Module] = []
    cost = External(lambda network, inputs: asked.append(network) or float(widths_of(network)[0]), name="energy")
    posed = env((Budget(cost, 2.0),), PruningProblem(feasibility="repaired", reward="accuracy", measurements=2))
    asked.clear()
    choosing = Choosing(Assistant(proposals=3, moves=5))
    found = proposals(posed, Scripted([0.9]), 2, [judgement((1, 1, 1), energy=0.1)], choosing, 0)  # type: ignore[arg-type]
    assert len(choosing.told[0][1]) == 16
    assert not asked
    assert all(taken[0] <= 2 for taken in widths(found))
    assert 0 < len(asked) <= 4
