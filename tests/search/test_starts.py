import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tiny_task import SIZES, judgement

from cpruner.search.assistant import Outcomes
from cpruner.search.starts import starts, starts_near

SHARES = st.floats(0.3, 1.0)


def outcomes(archive):
    ratio_NG = np.array([each.candidate.widths for each in archive]).reshape(-1, 3) / np.array(SIZES)
    return Outcomes(ratio_NG, np.array([each.score.accuracy for each in archive]), np.zeros((len(archive), 0)))


def kept(found):
    return (found[0] * np.array(SIZES)).round().astype(int).tolist(), found[1].tolist()


def test_feasible_candidates_or_what_comes_near() -> None:
    archive = [judgement((4, 6, 8), accuracy=0.9, flops=1.5, params=0.5), judgement((2, 3, 4), accuracy=0.5, flops=0.9)]
    assert kept(starts(archive, outcomes(archive))) == ([[2, 3, 4]], [0.5])
    assert kept(starts(archive[:1], outcomes(archive[:1]))) == ([[4, 6, 8]], [-1.5])
    assert kept(starts_near(archive[:1], outcomes(archive[:1]), 0.5, 4)) == ([[4, 6, 8]], [-1.5])
    assert kept(starts([], outcomes([]))) == ([], [])
    assert kept(starts_near([], outcomes([]), 0.5, 4)) == ([], [])


def test_a_share_has_starts_of_its_own() -> None:
    """Costs 0.5 and 0.6, rewards 0.7 and 0.6: the dearer is beaten. Costs over 1 take no part, rewards as they may."""
    archive = [
        judgement((4, 5, 6), accuracy=0.9, flops=1.0),
        judgement((3, 4, 5), accuracy=0.8, flops=0.8, params=0.3),
        judgement((2, 4, 5), accuracy=0.6, flops=0.6),
        judgement((2, 3, 5), accuracy=0.7, flops=0.2, params=0.5),
        judgement((1, 1, 1), accuracy=0.1, flops=0.3),
        judgement((4, 6, 8), accuracy=0.95, flops=1.1),
    ]
    seen = outcomes(archive)
    assert kept(starts_near(archive, seen, 1.0, 2)) == ([[4, 5, 6], [3, 4, 5]], [0.9, 0.8])
    assert kept(starts_near(archive, seen, 0.6, 1)) == ([[2, 3, 5]], [0.7])
    assert kept(starts_near(archive, seen, 0.33, 9))[1] == [0.1, 0.7, 0.8, 0.9]


def test_a_cost_of_nothing_and_a_loss_without_end_do_no_harm() -> None:
    archive = [
        judgement((4, 5, 6), accuracy=-np.inf, flops=0.1),
        judgement((3, 4, 5), accuracy=0.2, flops=0.0),
        judgement((2, 3, 4), accuracy=np.nan, flops=0.2),
        judgement((2, 3, 5), accuracy=0.3, flops=0.4),
    ]
    assert kept(starts_near(archive, outcomes(archive), 0.5, 4)) == ([[2, 3, 5], [3, 4, 5]], [0.3, 0.2])
    lost = archive[:1]
    assert kept(starts_near(lost, outcomes(lost), 0.5, 4)) == ([], [])


@given(st.lists(st.tuples(st.floats(0.1, 1.2), st.floats(0.0, 1.0)), max_size=12), SHARES, st.integers(1, 5))
def test_no_cheaper_candidate_is_better(made: list[tuple[float, float]], share: float, count: int) -> None:
    archive = [judgement((1, 1, 1), accuracy=accuracy, flops=cost) for cost, accuracy in made]
    feasible = [(cost, accuracy) for cost, accuracy in made if cost <= 1.0]
    _, reward_S = starts_near(archive, outcomes(archive), share, count)
    if not feasible:
        assert len(reward_S) == len(made)
        return
    assert 1 <= len(reward_S) <= count
    for reward in reward_S:
        least = min(cost for cost, accuracy in feasible if accuracy == reward)
        assert all(accuracy < reward for cost, accuracy in feasible if cost < least)
