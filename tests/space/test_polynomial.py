import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cpruner.space.polynomial import Polynomials, Term


def test_two_sums_by_hand() -> None:
    """2 a b + 3 a b + 7, and 5 a a."""
    made = Polynomials.of([[(2, (0, 1)), (3, (1, 0)), (7, ())], [(5, (0, 0))]])
    assert made.at(np.array([[2.0, 3.0], [0.0, 9.0]])).tolist() == [[37.0, 20.0], [7.0, 0.0]]
    assert len(made.factor_PD) == 3  # a b is formed once


def test_values_that_no_product_has_are_let_be() -> None:
    made = Polynomials.of([[(1, (1,))], [(1, ())]])
    assert made.at(np.array([[2.0, 3.0, 50.0, 60.0]])).tolist() == [[3.0, 1.0]]


def test_sums_of_nothing_are_zero() -> None:
    assert Polynomials.of([[], []]).at(np.zeros((3, 2))).tolist() == [[0.0, 0.0]] * 3
    assert Polynomials.of([]).at(np.zeros((3, 2))).shape == (3, 0)
    assert Polynomials.of([[(4, ())]]).at(np.zeros((2, 0))).tolist() == [[4.0], [4.0]]


TERMS = st.lists(st.tuples(st.integers(1, 9), st.lists(st.integers(0, 3), max_size=3).map(tuple)), max_size=6)


@given(st.lists(TERMS, min_size=1, max_size=3), st.lists(st.integers(0, 2000), min_size=4, max_size=4))
def test_sums_are_exact(sums: list[list[Term]], values: list[int]) -> None:
    by_hand = [sum(int(scale) * int(np.prod([values[f] for f in factors])) for scale, factors in s) for s in sums]
    assert Polynomials.of(sums).at(np.array([values], dtype=np.float64)).tolist() == [by_hand]
