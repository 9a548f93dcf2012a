"""Whose costs an episode ends with: the proposal's, or those of what is judged."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_task import BUDGETS, env

from cpruner.env import Judgement, PruningEnv, PruningProblem

KINDS = ("soft", "scaled", "clipped", "projected", "repaired")


def ended(posed: PruningEnv, ratios: list[float], share: float = 1.0) -> tuple[NDArray[np.float64], Judgement]:
    """Costs and judgement of an episode."""
    posed.reset(options={"share": share})
    info: dict[str, Any] = {}
    for ratio in ratios:
        *_, info = posed.step(np.array([ratio]))
    return info["cost"], info["judgement"]


@cache
def cached(problem: PruningProblem) -> PruningEnv:
    """One environment for all examples of a test; what was judged before changes nothing."""
    return env(BUDGETS, problem)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
    st.sampled_from(KINDS),
    st.sampled_from(["ratio", "levels"]),
    st.floats(0.3, 1.0),
)
def test_as_judged_are_the_readings_over_the_share(
    ratios: list[float], feasibility: str, action: str, share: float
) -> None:
    posed = cached(PruningProblem(feasibility=feasibility, action=action, charged="judged"))
    cost_K, judgement = ended(posed, ratios, share)
    np.testing.assert_allclose(cost_K, [reading.scaled / share for reading in judgement.readings])


def test_who_pays_for_the_proposal_learns_what_scaling_hides() -> None:
    wide = [1.0] * 3
    soft_K, _ = ended(env(problem=PruningProblem(feasibility="soft")), wide)
    proposal_K, as_proposed = ended(env(problem=PruningProblem(charged="proposal")), wide)
    judged_K, as_judged = ended(env(problem=PruningProblem(charged="judged")), wide)
    assert (soft_K > 1.0).any()
    np.testing.assert_array_equal(proposal_K, soft_K)
    assert (judged_K <= 1.0).all()
    assert as_judged.candidate == as_proposed.candidate


@pytest.mark.parametrize("charged", ["proposal", "judged"])
def test_clipped_shows_and_charges_what_it_executed(charged: str) -> None:
    posed = env(problem=PruningProblem(feasibility="clipped", charged=charged))
    posed.reset()
    for _ in range(2):
        observation, _, _, _, info = posed.step(np.ones(1))
        assert observation[12] == info["action"][0]
    *_, info = posed.step(np.ones(1))
    assert (info["cost"] <= 1.0).all()
    np.testing.assert_allclose(info["cost"], [reading.scaled for reading in info["judgement"].readings])
