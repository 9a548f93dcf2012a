import numpy as np
import pytest
from surrogates import falling
from tiny_task import env

from cpruner.agent import Clipped, CrossEntropy, Gaussian, OnPolicy, Plan, Random, WarmUp
from cpruner.env import PruningProblem
from cpruner.search import Assistant, HeadStart, search
from cpruner.search.rollout import decide
from cpruner.surrogate import knapsack

QUICK = WarmUp(imitation=5, updates=1, episodes=4)
LEARNER = OnPolicy(update=Clipped(epochs=2))


class Making:
    """Makes a surrogate and counts how often."""

    def __init__(self, space):
        self.space, self.times = space, 0

    def __call__(self):
        self.times += 1
        return falling(self.space, 0)


def given(spec, warm_up=QUICK, assistant=None, problem=None):
    """What an agent got: agent, environment, assistance, and how often a surrogate was made."""
    posed = env(problem=problem or PruningProblem())
    making, agent = Making(posed.space), spec.build(posed.problem, seed=0)
    assisting = HeadStart(warm_up, assistant or Assistant(), making).give(agent, posed)
    return agent, posed, assisting, making.times


def test_a_learner_gets_all() -> None:
    agent, posed, assisting, made = given(LEARNER, WarmUp(imitation=5, updates=1, episodes=4, exploration=0.5))
    assert made == 1
    assert assisting is not None
    assert float(agent.state_dict()["policy"]["head.log_std_A"].exp()) == pytest.approx(0.1)
    assert len(posed.judge.memo) == 0


def test_the_prior_is_what_the_surrogate_predicts() -> None:
    _, posed, assisting, _ = given(LEARNER)
    assert assisting is not None
    assert assisting.prior is not None
    made, ratio_NG = falling(posed.space, 0), np.array([[0.5, 0.5, 0.5], [1.0, 1.0, 1.0]])
    assert assisting.prior(ratio_NG).tolist() == (-made.predict(posed.space.widths_of(ratio_NG))).tolist()


def test_a_plan_is_the_knapsack() -> None:
    agent, posed, assisting, _ = given(Plan())
    assert assisting is None
    assert decide(posed, agent).candidate.widths == knapsack(falling(posed.space, 0), posed.countable.limits)


@pytest.mark.parametrize("spec", [Random(), CrossEntropy()])
def test_who_can_take_no_help_gets_none(spec) -> None:
    _, _, assisting, made = given(spec)
    assert (assisting, made) == (None, 0)


def test_help_can_be_switched_off() -> None:
    off, alone = WarmUp(enabled=False), Assistant(proposals=1, moves=0)
    assert given(LEARNER, off, alone)[2:] == (None, 0)
    warm, _, assisting, made = given(LEARNER, QUICK, alone)
    assert made == 1
    assert assisting is not None
    assert not assisting.ready(1000)
    cold, _, assisting, made = given(LEARNER, off)
    assert assisting is not None
    assert made == 1
    std = [float(agent.state_dict()["policy"]["head.log_std_A"].exp()) for agent in (cold, warm)]
    assert std == pytest.approx([0.2, 0.1])


def test_what_was_imitated_is_judged_first() -> None:
    agent, posed, assisting, _ = given(LEARNER)
    first, *_ = search(posed, agent, 5, assisting=assisting).archive
    assert first.candidate.widths == knapsack(falling(posed.space, 0), posed.countable.limits)


@pytest.mark.parametrize(
    ("warm_up", "tightest"),
    [(WarmUp(enabled=False), 1.0), (WarmUp(imitation=0, updates=1, episodes=4), 1.0), (QUICK, 0.6)],
)
def test_what_was_not_imitated_or_is_for_another_budget_is_not(warm_up: WarmUp, tightest: float) -> None:
    _, _, assisting, _ = given(LEARNER, warm_up, problem=PruningProblem(tightest=tightest))
    assert assisting is not None
    assert assisting.solutions == []


def test_masks_are_left_alone() -> None:
    assert given(LEARNER, problem=PruningProblem(action="mask"))[2:] == (None, 0)


def test_an_assisted_search_judges_as_many_candidates_as_any_other() -> None:
    agent, posed, assisting, _ = given(OnPolicy(update=Clipped(epochs=2), policy=Gaussian(initial_std=0.3)))
    found = search(posed, agent, 23, assisting=assisting)
    assert len(found.archive) == 23
    assert [update.evaluations for update in found.updates] == [5, 10, 15, 20]
    assert all(judgement.feasible for judgement in found.archive)


@pytest.mark.integration
def test_an_assisted_search_is_the_same_every_time() -> None:
    widths = []
    for _ in range(2):
        agent, posed, assisting, _ = given(LEARNER)
        widths.append(
            [judgement.candidate.widths for judgement in search(posed, agent, 15, assisting=assisting).archive]
        )
    assert widths[0] == widths[1]
