import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.evaluate.bound import Bound


def test_by_hand() -> None:
    """Of 6 images a candidate at the floor is right on 3: none of the first 3 right has probability 1/20."""
    assert math.comb(6, 3) == 20
    assert Bound(6, 1, 0.0, 0.94).hopeless(0, 3, 0.5)
    assert not Bound(6, 1, 0.0, 0.96).hopeless(0, 3, 0.5)
    assert not Bound(6, 1, 0.0, 0.94).hopeless(1, 3, 0.5)


def test_more_looks_need_more_evidence() -> None:
    assert not Bound(6, 2, 0.0, 0.94).hopeless(0, 3, 0.5)
    assert Bound(6, 2, 0.0, 0.89).hopeless(0, 3, 0.5)


def test_the_margin_lowers_what_must_be_reached() -> None:
    """Half minus a sixth is two of six: no right one among three then has probability 4/20."""
    assert not Bound(6, 1, 1 / 6, 0.94).hopeless(0, 3, 0.5)
    assert Bound(6, 1, 1 / 6, 0.75).hopeless(0, 3, 0.5)


def test_nothing_can_fall_behind_a_floor_of_nothing() -> None:
    assert not Bound(10, 1, 0.2, 0.99).hopeless(0, 9, 0.1)


def test_what_is_certain_is_seen_with_any_confidence() -> None:
    """8 of 10 needed, 3 wrong already."""
    assert Bound(10, 9, 0.0, 0.999999).hopeless(2, 5, 0.8)


@given(
    total=st.integers(2, 12), correct=st.integers(0, 12), seen=st.integers(1, 11), floor=st.floats(0, 1), data=st.data()
)
def test_it_counts_the_orders(total: int, correct: int, seen: int, floor: float, data: st.DataObject) -> None:
    seen = min(seen, total - 1)
    correct = min(correct, seen)
    needed = math.ceil(floor * total - 1e-9)
    population = [True] * needed + [False] * (total - needed)
    drawn = [sum(population[i] for i in chosen) for chosen in itertools.combinations(range(total), seen)]
    share = np.mean([count <= correct for count in drawn])
    confidence = data.draw(st.sampled_from([0.9, 0.99]))
    if abs(share - (1 - confidence)) > 1e-9:
        expected = needed > correct and share < 1 - confidence
        assert Bound(total, 1, 0.0, confidence).hopeless(correct, seen, floor) == expected


@pytest.mark.parametrize("order", ["random", "sorted by class"])
def test_a_candidate_as_good_as_the_floor_is_seldom_abandoned(order: str) -> None:
    rng = np.random.default_rng(0)
    bound, lost = Bound(200, 9, 0.0, 0.95), 0
    for _ in range(300):
        right_N = rng.permutation(np.arange(200) < 140)
        if order != "random":
            right_N = right_N.reshape(10, 20).T.ravel()
        lost += any(bound.hopeless(int(right_N[:n].sum()), n, 0.7) for n in range(20, 200, 20))
    assert lost <= 15  # 5 % of 300; Bonferroni makes it far fewer
