from dataclasses import fields, replace

import numpy as np
import pytest
from tiny_past import DENSE, TINY, described
from tiny_task import BUDGETS, SOFT, env, flops, space

from cpruner.constraint import Budget, External, Flops
from cpruner.history import Conditions, Target


def test_a_run_says_what_it_was_posed() -> None:
    run = described(env(), agent="Random()", seed=3, name="random", origin="solutions=2")
    assert (run.plan, run.sizes, run.groups) == (
        space().plan.fingerprint,
        (4, 6, 8),
        tuple(group.name for group in space().groups),
    )
    assert run.targets[0] == Target("flops", "FLOPs", "flops", 7568.0, float(flops(4, 6, 8)))
    assert [target.counted for target in run.targets] == ["flops", "params"]
    assert (run.agent, run.seed, run.name, run.origin) == ("Random()", 3, "random", "solutions=2")
    assert (run.dense, run.id, run.started) == (DENSE, 0, "")


def test_a_measured_budget_has_no_count() -> None:
    (target,) = described(
        env([Budget(External(lambda network, inputs: 1.0, name="size"), 2.0)], score=lambda network: DENSE)
    ).targets
    assert (target.name, target.counted) == ("size", None)


def test_what_follows_from_widths_is_what_the_space_keeps() -> None:
    run = described(env())
    assert run.kept((2, 5, 1)) == space().best((2, 5, 1)).kept
    np.testing.assert_array_equal(run.ratios([(2, 3, 8), (4, 6, 4)]), [[0.5, 0.5, 1.0], [1.0, 1.0, 0.5]])
    assert run.ratios([]).shape == (0, 3)


@pytest.mark.parametrize("name", [field.name for field in fields(Conditions)])
def test_judgements_are_exchanged_only_under_equal_conditions(name: str) -> None:
    run = described(env())
    assert run.alike == described(env()).alike
    assert run.alike != described(env(), replace(TINY, **{name: "other"})).alike


def test_judgements_are_exchanged_only_for_the_same_order_of_channels() -> None:
    run = described(env())
    turned = replace(run, order=tuple(tuple(reversed(group)) for group in run.order))
    assert turned.alike != run.alike
    assert turned.order_digest != run.order_digest


def test_budgets_agent_and_problem_do_not_hinder_an_exchange_but_make_another_run() -> None:
    run = described(env())
    others = [
        described(env([Budget(Flops(), 0.3)])),
        described(env(problem=SOFT)),
        described(env(), agent="Other()"),
        described(env(), seed=1),
        described(env(), name="random"),
        described(env(), origin="replay=5"),
    ]
    assert {other.alike for other in others} == {run.alike}
    assert len({run.identity, *(other.identity for other in others)}) == 7


def test_a_continuation_may_measure_another_dense_network() -> None:
    """What is counted is the same every time, what is measured is not."""
    run = described(env(BUDGETS))
    slower = replace(run.targets[0], limit=1.0, dense=2.0)
    counted = replace(run, targets=(slower, run.targets[1]))
    measured = [replace(run, targets=(replace(target, counted=None),)) for target in (run.targets[0], slower)]
    assert counted.identity != run.identity
    assert measured[0].identity == measured[1].identity
    assert replace(run, id=5, started="now") == run
