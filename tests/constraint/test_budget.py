import math

import pytest
import torch
from torch import nn

from cpruner.constraint import (
    Budget,
    External,
    Flops,
    Latency,
    Params,
    Sample,
    check_reachable,
    measure_dense,
    read,
)
from cpruner.errors import CostError, InfeasibleError, InputError

X = (torch.zeros(1, 4),)


def features(network, inputs):
    return network.out_features


def test_any_cost_function_or_path_will_do():
    assert Budget(Flops(), 0.5).cost == Flops()
    assert Budget(features, 2).cost == External(features)
    assert Budget("math:hypot", 2).cost == External("math:hypot")


def test_name_is_the_costs_unless_given():
    assert Budget(Flops(), 0.5).name == "flops"
    assert Budget(features, 2).name == "features"
    assert Budget(Latency(), "3 ms", name="latency on one core").name == "latency on one core"
    assert Budget(Flops(), 0.5, None).name == "flops"


def test_class_instead_of_cost_is_told_apart():
    with pytest.raises(InputError, match=r"Budget.cost: expected a cost, got the class Flops. Make one: add '\(\)'"):
        Budget(Flops, 0.5)


def test_thing_that_is_no_cost_is_refused():
    with pytest.raises(InputError, match=r"External\.function: expected a callable"):
        Budget(3, 0.5)


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, "120 %", "3 ms", "many", None, True])
def test_bad_limits_are_refused_when_the_budget_is_made_and_named(limit):
    with pytest.raises(InputError, match=r"limit of budget 'flops': expected .*, got "):
        Budget(Flops(), limit)


def test_resolve():
    assert Budget(Params(), 0.5).resolve(dense=200.0) == 100.0
    assert Budget(Params(), "60 %").resolve(dense=200.0) == pytest.approx(120.0)
    assert Budget(Params(), 150).resolve(dense=200.0) == 150.0
    assert Budget(Latency(), "0.002 s").resolve(dense=9.0) == pytest.approx(2.0)


@pytest.mark.parametrize("dense", [0.0, -1.0, math.nan, math.inf])
def test_share_of_nothing_is_refused(dense):
    with pytest.raises(InputError, match=r"budget 'params': expected a dense network with a cost above 0.*amount"):
        Budget(Params(), 0.5).resolve(dense)
    assert Budget(Params(), "3 k").resolve(dense) == 3000


def test_reading_of_a_sample():
    reading = Budget(Latency(), 0.5).reading(Sample(6.0, 0.25), dense=10.0)
    assert (reading.name, reading.unit, reading.value, reading.spread) == ("latency", "ms", 6.0, 0.25)
    assert (reading.limit, reading.dense, reading.satisfied) == (5.0, 10.0, False)


def test_dense_costs_then_readings_of_a_smaller_network():
    budgets = [Budget(Flops(), 0.5), Budget(Params(), "14 params"), Budget(features, 2.5)]
    dense = measure_dense(budgets, nn.Linear(4, 6), X)
    assert dense == {"flops": 48.0, "params": 30.0, "features": 6.0}
    flops, params, count = read(budgets, nn.Linear(4, 3), X, dense)
    assert (flops.value, flops.limit, flops.satisfied) == (24.0, 24.0, True)
    assert (params.value, params.limit, params.satisfied) == (15.0, 14.0, False)
    assert params.violation == pytest.approx(1 / 14)
    assert (count.value, count.limit, count.dense) == (3.0, 2.5, 6.0)


def test_relative_limit_of_a_free_dense_network_is_found_at_once():
    with pytest.raises(InputError, match="budget 'flops'"):
        measure_dense([Budget(Flops(), 0.5)], nn.ReLU(), X)


def test_two_budgets_of_one_name_are_refused():
    budgets = [Budget(Latency(batch_size=1), 0.5), Budget(Latency(batch_size=8), 0.5)]
    with pytest.raises(InputError, match=r"budgets: expected a different name each, got 'latency' twice. Tell"):
        measure_dense(budgets, nn.Linear(4, 2), X)
    with pytest.raises(InputError, match="'latency' twice"):
        read(budgets, nn.Linear(4, 2), X, {"latency": 1.0})


def test_missing_dense_cost_is_named():
    with pytest.raises(InputError, match=r"dense: expected the cost of 'params', got only \['flops'\]. Pass what"):
        read([Budget(Params(), 0.5)], nn.Linear(4, 2), X, {"flops": 1.0})


def test_failing_cost_is_not_read_as_met():
    def broken(network, inputs):
        return float("nan")

    with pytest.raises(CostError, match="cost 'broken'"):
        read([Budget(broken, 5.0)], nn.Linear(4, 2), X, {"broken": 1.0})


def test_reachable_budgets_pass_and_equality_is_reachable():
    budgets = [Budget(Params(), 0.5), Budget(features, 3.0)]
    check_reachable(budgets, {"params": 100.0, "features": 6.0}, {"params": 50.0, "features": 1.0})
    check_reachable(budgets, {"params": 100.0, "features": 6.0}, {"params": 10.0})  # nothing known of the other


def test_unreachable_budget_names_constraint_limit_and_smallest_value():
    budgets = [Budget(Flops(), 0.5), Budget(Params(), 0.1)]
    with pytest.raises(InfeasibleError) as caught:
        check_reachable(budgets, {"flops": 100.0, "params": 100.0}, {"flops": 20.0, "params": 25.0})
    assert caught.value.constraint == "params"
    assert (caught.value.limit, caught.value.smallest, caught.value.unit) == (10.0, 25.0, "params")
    assert "budget 'params' cannot be met: limit 10 params, smallest value reached 25 params. Raise the" in str(
        caught.value
    )


def test_what_is_not_counted_is_measured_in_quiet_unless_its_cost_says_otherwise():
    loud = External(lambda network, inputs: 1.0, name="size", quiet=False)
    costs = (Flops(), Latency(), External(lambda network, inputs: 1.0, name="energy"), loud)
    assert [Budget(cost, 0.5).quiet for cost in costs] == [False, True, True, False]


def test_counts_and_latency_depend_on_shapes_alone_and_what_is_not_known_may_depend_on_weights():
    unknown = External(lambda network, inputs: 1.0, name="size")
    assert [Budget(cost, 0.5).structural for cost in (Flops(), Params(), Latency(), unknown)] == [
        True,
        True,
        True,
        False,
    ]
