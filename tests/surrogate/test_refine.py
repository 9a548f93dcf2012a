from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from surrogates import chained, falling, least, share

from cpruner.errors import InfeasibleError, InputError
from cpruner.surrogate import Calibration, Refinement, Surrogate, knapsack, refine

SPACE = chained(3, 12, 14, 13, 4)
LIMITS = [share(SPACE, "flops", 0.4)]
START = falling(SPACE, 3, smooth=True)
Widths = tuple[int, ...]


#: Groups count differently than the surrogate thinks.
TRUE = replace(START, factor_G=np.array([0.2, 1.0, 6.0]), base=-0.5, gain=1.4, power=1.2)


def judge(truth: Surrogate = TRUE, seen: list[Widths] | None = None) -> Callable[[Widths], float]:
    def of(widths: Widths) -> float:
        if seen is not None:
            seen.append(widths)
        return float(np.exp(truth.predict(np.array([widths]))[0]))

    return of


def fits(widths: Widths) -> bool:
    return all(getattr(SPACE.count(SPACE.best(widths)), name) <= limit for name, limit in LIMITS)


def test_it_finds_the_optimum_of_a_loss_the_surrogate_is_wrong_about() -> None:
    found = refine(START, judge(), LIMITS)
    optimum = least(TRUE, LIMITS)
    losses = [float(TRUE.predict(np.array([widths]))[0]) for widths in found.optima]
    assert losses[0] > optimum + 0.15
    assert losses[-1] == pytest.approx(optimum, abs=0.02)
    assert float(TRUE.predict(np.array([found.best]))[0]) == pytest.approx(optimum, abs=0.02)


def test_none_is_judged_twice_and_all_are_within_the_budget() -> None:
    seen: list[Widths] = []
    found = refine(START, judge(seen=seen), LIMITS, spec=Calibration(rounds=3, neighbours=5))
    assert len(seen) == len(set(seen)) <= 4 * 6
    assert all(map(fits, seen))
    assert [tuple(widths) for widths in found.width_NG.tolist()] == seen
    assert found.loss_N.tolist() == [judge()(widths) for widths in seen]
    assert set(found.optima) <= set(seen)
    assert len(found.optima) == 4
    assert found.best == seen[int(found.loss_N.argmin())]


def test_neighbours_use_the_budget_up() -> None:
    seen: list[Widths] = []
    refine(START, judge(seen=seen), LIMITS, spec=Calibration(rounds=0, neighbours=10))
    spent = [SPACE.count(SPACE.best(widths)).flops / LIMITS[0][1] for widths in seen]
    assert min(spent) > 0.85


def test_the_seed_decides() -> None:
    def found(seed: int) -> Refinement:
        return refine(START, judge(), LIMITS, spec=Calibration(rounds=1, seed=seed))

    one, same, other = found(0), found(0), found(1)
    assert np.array_equal(one.width_NG, same.width_NG)
    assert np.array_equal(one.made.factor_G, same.made.factor_G)
    assert not np.array_equal(one.width_NG, other.width_NG)


def test_it_starts_from_the_optimum_as_it_is() -> None:
    found = refine(START, judge(), LIMITS, spec=Calibration(rounds=0, neighbours=0))
    assert found.width_NG.tolist() == [list(knapsack(START, LIMITS))]
    assert found.made is START


class TestWhatIsKnownBeforehand:
    def test_it_is_not_judged_again_and_calibrates(self) -> None:
        generator = np.random.default_rng(0)
        widths = [tuple(generator.integers(2, [13, 15, 14]).tolist()) for _ in range(40)]
        judged = [(known, judge()(known)) for known in dict.fromkeys(widths)]
        seen: list[Widths] = []
        found = refine(START, judge(seen=seen), LIMITS, judged, Calibration(rounds=0, neighbours=3))
        assert not set(seen) & set(widths)
        assert [tuple(known) for known in found.width_NG.tolist()] == [known for known, _ in judged] + seen
        assert found.made.predict(np.array([(3, 3, 3)])) == pytest.approx(TRUE.predict(np.array([(3, 3, 3)])), abs=0.1)

    def test_what_breaks_the_budget_is_never_the_best(self) -> None:
        dense = SPACE.sizes
        seen: list[Widths] = []
        found = refine(START, judge(seen=seen), LIMITS, [(dense, judge()(dense))], Calibration(rounds=2))
        assert dense not in seen
        assert found.loss_N[0] == found.loss_N.min()
        assert fits(found.best)
        assert all(map(fits, (*seen, *found.optima)))

    def test_the_best_of_it_is_the_centre(self) -> None:
        best = (4, 8, 9)
        assert fits(best)
        seen: list[Widths] = []
        refine(START, judge(seen=seen), LIMITS, [(best, 1e-3)], Calibration(rounds=0, radius=0.01, neighbours=4))
        assert all(0.5 < width / centre < 2 for widths in seen[1:] for width, centre in zip(widths, best, strict=True))


@pytest.mark.integration
def test_the_region_is_kept_to_from_the_second_optimum_on() -> None:
    space = chained(3, 60, 70, 65, 4)
    start, limits = falling(space, 3, smooth=True), [share(space, "flops", 0.4)]
    truth = replace(start, factor_G=np.array([0.01, 1.0, 9.0]))
    first = refine(start, judge(truth), limits, spec=Calibration(rounds=0, radius=0.03)).best
    for radius, inside in ((0.03, True), (0.3, False)):
        spec = Calibration(rounds=1, radius=radius)
        second = refine(start, judge(truth), limits, spec=spec).optima[1]
        assert bool(np.abs(np.log(np.array(second) / first)).max() <= 3 * 0.03) == inside


@pytest.mark.integration
def test_what_is_far_from_the_best_counts_little() -> None:
    """Widths whose loss is far off the additive one are known; the narrower the focus, the less that does."""
    generator = np.random.default_rng(0)
    odd = [tuple(generator.integers(1, [13, 15, 14]).tolist()) for _ in range(40)]
    judged = [(widths, 50.0 * float(generator.lognormal())) for widths in dict.fromkeys(odd)]

    def wrong(focus: float) -> float:
        found = refine(START, judge(), LIMITS, judged, Calibration(rounds=0, focus=focus))
        seen = np.array([widths for widths in found.width_NG.tolist() if tuple(widths) not in set(odd)])
        return float(np.abs(found.made.predict(seen) - TRUE.predict(seen)).mean())

    assert wrong(0.2) < 0.6 * wrong(50.0)


def test_what_diverges_is_judged_and_left_out() -> None:
    def broken(widths: Widths) -> float:
        return float("nan") if widths[0] % 2 else judge()(widths)

    found = refine(START, broken, LIMITS, spec=Calibration(rounds=1))
    assert found.best[0] % 2 == 0
    assert np.isinf(found.loss_N).any()
    assert np.isfinite(found.made.factor_G).all()


def test_a_loss_below_zero_is_refused() -> None:
    with pytest.raises(InputError, match="with losses above 0"):
        refine(START, lambda widths: -1.0, LIMITS)


def test_a_budget_out_of_reach_is_named() -> None:
    with pytest.raises(InfeasibleError, match="'flops' cannot be met"):
        refine(START, judge(), [("flops", 1.0)])
