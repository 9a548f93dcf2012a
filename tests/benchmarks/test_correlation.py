import math

import numpy as np
import pytest
from measure.correlation import spearman, summary


def test_by_hand() -> None:
    """Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15) = 0.6."""
    found = spearman([0.1, 0.2, 0.3, 0.9], [5, 4, 8, 7])
    assert found is not None
    assert found["rho"] == pytest.approx(0.6)
    assert -1 <= found["low"] <= 0.6 <= found["high"] <= 1


def test_ties_share_their_rank_and_infinity_is_last() -> None:
    found = spearman([1, 1, 2, math.inf], [3, 3, 4, 9])
    assert found is not None
    assert found["rho"] == pytest.approx(1.0)


def test_the_interval_narrows_with_the_number_of_candidates() -> None:
    rng = np.random.default_rng(0)
    left = rng.normal(size=400)
    right = left + rng.normal(size=400)
    few, many = spearman(left[:20], right[:20]), spearman(left, right)
    assert few is not None
    assert many is not None
    assert many["high"] - many["low"] < 0.5 * (few["high"] - few["low"])
    assert many["low"] < 0.69 < many["high"]  # 6 / pi * asin(rho / 2) for rho = 1 / sqrt(2)
    assert spearman(left[:20], right[:20]) == few


def test_what_does_not_vary_does_not_correlate() -> None:
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([1], [1]) is None
    assert summary(None) == "-"
    assert summary({"rho": 0.5, "low": 0.25, "high": 0.75}) == "0.50 (0.25 to 0.75)"
