import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from cpruner.constraint import External
from cpruner.constraint.external import resolve
from cpruner.errors import CostError, InputError

NET, X = nn.Linear(2, 3), (torch.zeros(1, 2),)


def returning(value):
    return External(lambda network, inputs: value, name="energy", unit="mJ")


@pytest.mark.parametrize(
    "number",
    [3, 3.0, Fraction(3), np.float32(3), np.int64(3), np.array(3.0), torch.tensor(3), torch.tensor(3.0)],
    ids=lambda number: type(number).__name__,
)
def test_numbers_of_every_kind(number):
    sample = returning(number).measure(NET, X)
    assert (sample.value, sample.spread, type(sample.value)) == (3.0, 0.0, float)


@pytest.mark.parametrize("number", [0, -2.5])
def test_zero_and_negative_numbers_are_numbers(number):
    assert returning(number).measure(NET, X).value == number


@pytest.mark.parametrize(
    "junk",
    [
        math.nan, math.inf, -math.inf, True, False, None, "3.0", 3j, [3.0], (3.0,), np.bool_(True),
        np.array([3.0]), np.array(np.nan), np.array(True), torch.tensor([3.0]), torch.tensor(torch.nan),
        torch.tensor(True),
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_refused_with_expected_got_and_remedy(junk):
    with pytest.raises(CostError) as caught:
        returning(junk).measure(NET, X)
    message = str(caught.value)
    assert message.startswith("cost 'energy': expected a finite number, got ")
    assert message.endswith("Let the function return one int or float, larger meaning costlier.")


def test_long_results_are_cut_short_in_the_message():
    with pytest.raises(CostError, match=r"xxx\.\.\. \(str\)") as caught:
        returning("x" * 10_000).measure(NET, X)
    assert len(str(caught.value)) < 250


def test_error_in_the_function_is_passed_on():
    def broken(network, inputs):
        raise KeyError("power")

    with pytest.raises(
        CostError, match=r"cost 'broken': expected a finite number, got KeyError: 'power'. Call"
    ) as caught:
        External(broken).measure(NET, X)
    assert isinstance(caught.value.__cause__, KeyError)


def test_interrupt_is_not_swallowed():
    def stopped(network, inputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        External(stopped).measure(NET, X)


def test_function_sees_evaluation_mode_and_leaves_no_trace():
    network, seen, state = nn.Sequential(nn.Linear(2, 2)).train(), [], torch.get_rng_state()

    def meddling(net, inputs):
        seen.append((net is network, net.training, torch.is_grad_enabled(), inputs[0].shape))
        torch.rand(1)
        net.train()
        return 1

    External(meddling).measure(network.eval(), torch.zeros(1, 2))
    assert seen == [(True, False, False, (1, 2))]
    assert not network.training
    assert torch.equal(state, torch.get_rng_state())


def test_repeats_give_median_and_spread():
    values = iter([1.0, 9.0, 2.0])
    sample = External(lambda network, inputs: next(values), repeats=3).measure(NET, X)
    assert sample.value == 2.0
    assert sample.spread > 0


def test_dotted_paths_with_colon_or_dot():
    assert resolve("math:hypot") is math.hypot
    assert resolve("math.hypot") is math.hypot
    assert resolve("torch:nn.functional.relu") is nn.functional.relu
    assert External("math:hypot").name == "hypot"


def test_name_is_the_functions_unless_given():
    class Meter:
        def __call__(self, network, inputs):
            return 1

    assert External(Meter()).name == "Meter"
    assert External(Meter(), name="joule").name == "joule"


@pytest.mark.parametrize(
    ("function", "reason", "remedy"),
    [
        ("???", "no dotted path", "package.module:function"),
        ("", "no dotted path", "package.module:function"),
        ("energy", "no dotted path", "package.module:function"),
        ("my costs:energy", "no dotted path", "package.module:function"),
        ("no_such_module:energy", "ModuleNotFoundError", "PYTHONPATH"),
        ("math:energy", "without 'energy'", "spelling"),
        ("math:pi", "cannot be called", "network, example_inputs"),
        (3, "cannot be called", "network, example_inputs"),
        (None, "cannot be called", "network, example_inputs"),
    ],
)
def test_bad_functions_are_refused_when_the_cost_is_made(function, reason, remedy):
    with pytest.raises(InputError, match=r"External.function: expected a callable or a dotted path") as caught:
        External(function)
    assert reason in str(caught.value)
    assert remedy in str(caught.value)


def test_function_has_to_be_given():
    with pytest.raises(InputError, match=r"External\.function"):
        External()
