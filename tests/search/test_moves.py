import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_task import env

from cpruner.env import PruningProblem
from cpruner.search import Assistant
from cpruner.search.moves import Follower, moves
from cpruner.search.rollout import decide

FOUR = np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.4], [0.2, 0.8, 0.6], [0.5, 0.5, 0.5]])
BEST = np.array([0.1, 0.2, 0.3, 0.1])  # the third


def test_where_nothing_is_feasible_there_is_nothing_to_move() -> None:
    assert moves(FOUR[:0], np.zeros(0), Assistant(), 5, seed=0) == []


def test_only_the_best_are_moved_and_each_counts_once() -> None:
    still = Assistant(elite=2, step=0.0)
    reward_N = np.array([0.9, 0.1, 0.8, 0.9])  # the first and the last are the same candidate
    found = {tuple(sequence_TA[:, 0]) for sequence_TA in moves(FOUR, reward_N, still, 40, seed=0)}
    assert found == {tuple(FOUR[0]), tuple(FOUR[2])}


def test_where_no_rule_puts_proposals_on_the_budgets_moves_are_scaled_as_well() -> None:
    spec = Assistant(elite=1, components=1, step=0.1)
    plain, scaled = (np.stack(moves(FOUR, BEST, spec, 200, seed=0, scaled=each))[:, :, 0] for each in (False, True))
    within_NG = (scaled > 0.0) & (scaled < 1.0) & (plain > 0.0)
    factor_NG = np.divide(scaled, plain, out=np.ones_like(plain), where=within_NG)
    factors = np.log([row[met].mean() for row, met in zip(factor_NG, within_NG, strict=True)])
    assert all(np.ptp(row[met]) < 1e-12 for row, met in zip(factor_NG, within_NG, strict=True))
    assert abs(factors.mean()) < 0.03
    assert 0.08 < factors.std() < 0.12


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(1, 3), st.integers(0, 9))
def test_a_move_changes_some_ratios_and_stays_within_the_range(seed: int, components: int, count: int) -> None:
    spec = Assistant(elite=1, components=components, step=0.5)
    found = moves(FOUR, BEST, spec, count, seed)
    assert len(found) == count
    for sequence_TA in found:
        assert sequence_TA.shape == (3, 1)
        assert ((sequence_TA >= 0.0) & (sequence_TA <= 1.0)).all()
        assert 0 < np.count_nonzero(sequence_TA[:, 0] != FOUR[2]) <= components
    again = moves(FOUR, BEST, spec, count, seed)
    np.testing.assert_array_equal(found, again)


def test_another_seed_draws_others() -> None:
    one, two = (moves(FOUR, BEST, Assistant(), 1, seed)[0] for seed in (0, 1))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("executed", [True, False])
def test_a_follower_plays_its_sequence_whatever_it_sees_and_again_from_the_beginning(executed: bool) -> None:
    follower = Follower(np.array([[0.1], [0.2]]), learns_executed=executed)
    assert follower.learns_executed is executed
    for _ in range(2):
        follower.begin()
        assert [follower.act(np.full(3, seen)).tolist() for seen in (0.0, 9.0)] == [[0.1], [0.2]]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
    st.sampled_from(["soft", "scaled", "clipped", "projected"]),
    st.sampled_from(["ratio", "levels"]),
    st.sampled_from([1.0, 0.5]),
)
def test_what_a_follower_will_have_judged_is_foreseen(
    actions: list[float], feasibility: str, action: str, tightest: float
) -> None:
    posed = env(problem=PruningProblem(feasibility=feasibility, action=action, tightest=tightest))
    sequence_TA = np.array(actions)[:, None]
    decided = decide(posed, Follower(sequence_TA, learns_executed=False), seed=3)
    foreseen_NG = posed.foreseen_of(sequence_TA.T, np.full(1, decided.env.share))
    assert tuple(posed.space.widths_of(foreseen_NG)[0]) == decided.candidate.widths
    np.testing.assert_array_equal(foreseen_NG[0], decided.foreseen_G)
