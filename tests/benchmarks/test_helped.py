import numpy as np
import pytest
from measure.entry import COLD, ENTRIES
from measure.helped import Helped
from surrogates import falling
from tiny_task import env

from cpruner.agent import CrossEntropy, Plan, Random, WarmUp
from cpruner.search import Assistant, HeadStart, search
from cpruner.search.rollout import decide
from cpruner.surrogate import knapsack
from cpruner.testing import Allocation

EARLY = Assistant(fewest=3)


def found(spec, evaluations=8, *, help_given):
    posed = env()
    agent = spec.build(posed.problem, seed=0)
    assisting = HeadStart(COLD, EARLY, lambda: falling(posed.space, 0)).give(agent, posed) if help_given else None
    return [judgement.candidate for judgement in search(posed, agent, evaluations, assisting=assisting).archive]


def test_without_help_it_is_the_baseline() -> None:
    assert found(Helped(Random()), help_given=False) == found(Random(), help_given=False)


def test_with_help_its_proposals_are_filtered_once_enough_is_known() -> None:
    helped, alone = found(Helped(Random()), help_given=True), found(Random(), help_given=True)
    assert helped[:3] == alone[:3]
    assert helped[3:] != alone[3:]


def test_a_helped_plan_begins_with_the_knapsack() -> None:
    posed = env()
    agent = Helped(Plan()).build(posed.problem, seed=0)
    assert HeadStart(WarmUp(), EARLY, lambda: falling(posed.space, 0)).give(agent, posed) is not None
    assert decide(posed, agent).candidate.widths == knapsack(falling(posed.space, 0), posed.countable.limits)


def test_it_goes_on_where_the_baseline_stopped() -> None:
    problem = Allocation(groups=3).problem
    one, twin = (Helped(CrossEntropy()).build(problem, seed) for seed in (0, 1))
    one.begin()
    one.act(np.zeros(problem.observation_size))
    twin.load_state_dict(one.state_dict())
    one.begin()
    twin.begin()
    acted = [agent.act(np.zeros(problem.observation_size)) for agent in (one, twin)]
    np.testing.assert_array_equal(*acted)
    assert one.episodes_per_update == CrossEntropy().episodes_per_update


def test_a_baseline_that_imitates_nothing_is_taught_nothing() -> None:
    agent = Helped(Random()).build(Allocation(groups=3).problem, seed=0)
    assert agent.imitate([], 5, 0.1) == 0.0
    assert agent.act_all(np.zeros((4, 5))).shape == (4, 1)


@pytest.mark.parametrize("name", [name for name in ENTRIES if "assistant" in name])
def test_whoever_is_said_to_be_assisted_is(name: str) -> None:
    """A baseline that takes no help would be compared under a name that says more than it got."""
    posed, entry = env(), ENTRIES[name]
    agent = entry.agent.build(posed.problem, seed=0)
    quick = WarmUp(enabled=entry.warm_up.enabled, imitation=2)
    assert HeadStart(quick, entry.assistant, lambda: falling(posed.space, 0)).give(agent, posed) is not None
