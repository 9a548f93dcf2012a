import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_task import BUDGETS, env, widths_of

from cpruner.constraint import Budget, External, Flops
from cpruner.env import PruningProblem
from cpruner.env.clipping import Clipped
from cpruner.env.feasibility import Scaled, Soft, estimated, feasibility
from cpruner.env.projecting import Projected

KINDS = {"soft": Soft, "scaled": Scaled, "clipped": Clipped, "projected": Projected, "repaired": Scaled}
ENERGY = Budget(External(lambda network, inputs: 3.0 * widths_of(network)[0], name="energy"), 6.0)  # dense: 12
POSED = {name: env(problem=PruningProblem(feasibility=name, lowest=0.2)) for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_the_option_names_the_rule(name: str) -> None:
    posed = POSED[name]
    rule = feasibility(posed.options, posed.countable, posed.observer)
    assert isinstance(rule, KINDS[name])


def test_soft_leaves_everything() -> None:
    ratio_NG = np.array([[0.0, 1.0, 0.3]])
    assert Soft().settle(ratio_NG) is ratio_NG


def test_levels_are_what_clipping_lowers_to() -> None:
    spec = PruningProblem(feasibility="clipped", action="levels", levels=4, lowest=0.1)
    posed = env(problem=spec)
    rule = feasibility(spec, posed.countable, posed.observer)
    assert isinstance(rule, Clipped)
    np.testing.assert_allclose(rule.table_GW, [[0.1, 0.4, 0.7, 1.0]] * 3)


def test_measured_budgets_are_estimated_as_flops() -> None:
    posed = env((Budget(Flops(), 0.8), ENERGY))
    assert estimated(posed.countable, posed.observer).limits == (("flops", 0.8 * 15136), ("flops", 15136 / 2))
    rule = feasibility(PruningProblem(feasibility="repaired"), posed.countable, posed.observer)
    settled = rule.settle(np.ones((1, 3)))
    assert posed.space.algebra.counts(posed.space.widths(settled[0].tolist())).flops <= 7568


def test_a_measured_budget_that_the_dense_network_does_not_touch_limits_nothing() -> None:
    posed = env((Budget(Flops(), 0.8), Budget(External(lambda network, inputs: 0.0, name="nothing"), 5.0)))
    assert estimated(posed.countable, posed.observer).limits == posed.countable.limits


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([name for name in KINDS if name != "soft"]),
    st.lists(st.lists(st.floats(0.2, 1.0), min_size=3, max_size=3), min_size=1, max_size=3),
    st.floats(0.05, 1.0),
)
def test_every_rule_but_soft_meets_the_budgets_whenever_the_narrowest_network_does(
    name: str, rows: list[list[float]], share: float
) -> None:
    posed = POSED[name]
    rule = feasibility(posed.options, posed.countable, posed.observer)
    share_N = np.full(len(rows), share)
    settled_NG = rule.settle(np.array(rows), share_N)
    assert ((settled_NG >= 0) & (settled_NG <= 1)).all()
    fits_N = posed.countable.fits_of(settled_NG, share_N)
    np.testing.assert_array_equal(fits_N, posed.countable.fits_of(np.zeros_like(settled_NG), share_N))


@pytest.mark.parametrize("name", KINDS)
def test_one_episode_is_settled_as_it_is_among_others(name: str) -> None:
    posed = POSED[name]
    rule = feasibility(posed.options, posed.countable, posed.observer)
    rows, share_N = np.array([[1.0, 0.5, 0.7], [0.3, 0.3, 0.3], [1.0, 1.0, 1.0]]), np.array([1.0, 0.4, 0.7])
    together = rule.settle(rows, share_N)
    alone = np.concatenate([rule.settle(rows[[n]], share_N[[n]]) for n in range(3)])
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_no_share_is_the_whole_limit() -> None:
    assert len(BUDGETS) == 2
    for posed in POSED.values():
        rows = np.array([[1.0, 0.5, 0.7], [0.9, 0.9, 0.2]])
        np.testing.assert_array_equal(posed.keep_ratios_of(rows), posed.keep_ratios_of(rows, np.ones(2)))


def test_a_proposal_that_is_narrower_than_countable_budgets_ask_for_is_left_alone_where_others_are_measured() -> None:
    narrow, wide = np.array([[0.3, 0.3, 0.3]]), np.array([[1.0, 1.0, 1.0]])
    counted, mixed = env((Budget(Flops(), 0.5),)), env((Budget(Flops(), 0.5), ENERGY))
    settled = {posed: [posed.keep_ratios_of(rows) for rows in (narrow, wide)] for posed in (counted, mixed)}
    assert (settled[counted][0] > narrow).all()
    np.testing.assert_array_equal(settled[mixed][0], narrow)
    np.testing.assert_array_equal(settled[mixed][1], settled[counted][1])
