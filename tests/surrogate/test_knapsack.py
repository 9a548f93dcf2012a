import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from surrogates import chained, falling, least, made, paralleled, share

from cpruner.errors import InfeasibleError
from cpruner.space import Rounding, trace
from cpruner.surrogate import Surrogate, knapsack
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
PARTS = st.floats(0.05, 0.95)


def predicted(surrogate: Surrogate, limits: list[tuple[str, float]]) -> float:
    """What the knapsack comes to; asserts that it is legal, within the limits, and an answer of integers."""
    widths = knapsack(surrogate, limits)
    assert widths == surrogate.space.widths([w / s for w, s in zip(widths, surrogate.space.sizes, strict=True)])
    assert all(type(width) is int for width in widths)
    counts = vars(surrogate.space.count(surrogate.space.best(widths)))
    assert all(counts[name] <= limit for name, limit in limits)
    return float(surrogate.predict(np.array([widths]))[0])


@pytest.mark.parametrize("name", ["residual", "dense block", "grouped", "squeeze and excitation", "encoder layer"])
@pytest.mark.parametrize("part", [0.2, 0.6])
def test_it_is_the_optimum_of_small_networks(name: str, part: float) -> None:
    net = NET[name]
    space = trace(net.build(), net.inputs())
    limits = [share(space, "flops", part)]
    for seed in range(3):
        surrogate = falling(space, seed)
        assert predicted(surrogate, limits) == pytest.approx(least(surrogate, limits), abs=1e-12)


@settings(max_examples=5)
@given(st.integers(0, 10_000), PARTS, st.booleans())
def test_it_is_within_a_hundredth_of_the_optimum_of_spaces_too_large_to_try(
    seed: int, part: float, smooth: bool
) -> None:
    """Four groups of up to 14 channels have 30,000 candidates, of which it looks at few."""
    space = chained(3, 12, 14, 15, 12, 4)
    surrogate, limits = falling(space, seed, smooth=smooth), [share(space, "flops", part)]
    assert predicted(surrogate, limits) <= 1.01 * least(surrogate, limits) + 1e-12


@settings(max_examples=5)
@given(st.integers(0, 10_000), PARTS, PARTS)
def test_two_budgets_at_once(seed: int, first: float, second: float) -> None:
    space = chained(20, 12, 14, 15, 12, 2)
    surrogate = falling(space, seed)
    limits = [share(space, "flops", first), share(space, "params", second)]
    assert predicted(surrogate, limits) <= 1.01 * least(surrogate, limits) + 1e-12


def exact(surrogate: Surrogate, limit: float) -> float:
    """The multiple-choice knapsack of hidden layers side by side as an integer program."""
    sizes = surrogate.space.sizes
    least_flops = surrogate.space.count(surrogate.space.smallest()).flops
    cost = [16.0 * width for size in sizes for width in range(1, size + 1)]
    choose = np.zeros((len(sizes), len(cost)))
    for group, start in enumerate(np.cumsum([0, *sizes[:-1]])):
        choose[group, start : start + sizes[group]] = 1
    worth = np.concatenate([surrogate.table_GW[group, 1 : size + 1] for group, size in enumerate(sizes)])
    within = LinearConstraint(np.array([cost]), -np.inf, limit - least_flops + 16 * len(sizes))
    found = milp(worth, constraints=[within, LinearConstraint(choose, 1, 1)], bounds=Bounds(0, 1), integrality=1)
    return float(found.fun)


@pytest.mark.integration
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("part", [0.15, 0.4, 0.8])
def test_where_costs_add_up_it_is_close_to_the_integer_program(part: float, smooth: bool) -> None:
    space = paralleled(8, 16, 24, 12, 9, 32, 20, 16)
    name, limit = share(space, "flops", part)
    for seed in range(2):
        surrogate = falling(space, seed, smooth=smooth)
        assert predicted(surrogate, [(name, limit)]) <= 1.01 * exact(surrogate, limit) + 1e-12


def test_by_hand() -> None:
    """2 (5 a + a b + 2 b) FLOPs: 44 for the widths 2 and 3; a channel of the first costs 16, of the second 8."""
    space = chained(5, 2, 3, 2)
    dear = made(space, ([9.0, 4.0, 0.0], [9.0, 2.0, 1.0, 0.0]))
    assert knapsack(dear, [("flops", 44.0)]) == (2, 3)
    assert knapsack(dear, [("flops", 43.0)]) == (2, 2)
    assert knapsack(dear, [("flops", 35.0)]) == (2, 1)
    assert knapsack(dear, [("flops", 27.0)]) == (1, 2)
    cheap = made(space, ([9.0, 0.5, 0.0], [9.0, 2.0, 1.0, 0.0]))
    assert knapsack(cheap, [("flops", 43.0)]) == (1, 3)


def test_calibration_counts() -> None:
    space = chained(5, 2, 3, 2)
    one = made(space, ([9.0, 4.0, 0.0], [9.0, 2.0, 1.0, 0.0]))
    assert knapsack(replace(one, factor_G=np.array([0.1, 1.0])), [("flops", 43.0)]) == (1, 3)
    assert knapsack(one, [("flops", 43.0)]) == (2, 2)
    assert knapsack(replace(one, factor_G=np.array([0.1, 1.0]), power=9.0), [("flops", 43.0)]) == (2, 2)


def test_what_costs_no_loss_still_meets_the_budget() -> None:
    space = chained(5, 6, 6, 2)
    limits = [share(space, "flops", 0.3)]
    assert predicted(made(space, ([0.0] * 7, [0.0] * 7)), limits) == 0


@pytest.mark.parametrize("radius", [0.1, 0.3])
def test_it_stays_within_the_region(radius: float) -> None:
    space = chained(3, 40, 60, 50, 4)
    surrogate, near = falling(space, 1, smooth=True), (20, 30, 25)
    limits = [share(space, "flops", 0.3)]
    free, bound = knapsack(surrogate, limits), knapsack(surrogate, limits, near=near, radius=radius)
    assert max(np.abs(np.log(np.array(bound) / near))) <= radius < max(np.abs(np.log(np.array(free) / near)))
    assert knapsack(surrogate, limits, near=near) == free
    assert knapsack(surrogate, limits, near=near, radius=0.0) == near


def test_widths_are_rounded_as_the_space_asks() -> None:
    space = chained(3, 40, 60, 50, 4)
    stepped = replace(
        space,
        rounding=Rounding(multiple_of=8, min_width=9),
        groups=tuple(replace(group, step=8) for group in space.groups),
    )
    surrogate = falling(stepped, 2)
    widths = knapsack(surrogate, [share(stepped, "flops", 0.4)])
    assert all(width % 8 == 0 or width == size for width, size in zip(widths, space.sizes, strict=True))
    assert min(widths) >= 16
    limits = [share(stepped, "flops", 0.4)]
    assert predicted(surrogate, limits) == pytest.approx(least(surrogate, limits), abs=1e-12)


def test_it_is_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it gives up early, so that it ends where what is drawn happens to lead."""
    monkeypatch.setattr(sys.modules[knapsack.__module__], "_PATIENCE", 3)
    space = chained(3, 40, 60, 50, 45, 30, 4)
    surrogate, limits = falling(space, 1), [share(space, "flops", 0.5)]
    assert len({knapsack(surrogate, limits) for _ in range(10)}) == 1


def test_a_budget_out_of_reach_is_named() -> None:
    with pytest.raises(InfeasibleError, match=r"'params' cannot be met: limit 10 params"):
        knapsack(falling(chained(3, 40, 60, 50, 4), 0), [("flops", 1e9), ("params", 10.0)])
