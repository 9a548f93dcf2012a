import inspect

import pytest

from cpruner import errors
from cpruner.errors import (
    ArtefactError,
    CheckpointError,
    CostError,
    CprunerError,
    InfeasibleError,
    InputError,
    TraceError,
)


def test_every_error_can_be_caught_as_one() -> None:
    raised = {found for _, found in inspect.getmembers(errors, inspect.isclass)}
    assert raised == {
        CprunerError,
        InputError,
        TraceError,
        CostError,
        InfeasibleError,
        ArtefactError,
        CheckpointError,
    }
    assert all(issubclass(found, CprunerError) for found in raised)


def test_a_wrong_argument_is_a_value_error_that_says_what_to_do() -> None:
    error = InputError("Random.low", expected="a number in [0, 1]", got=1.5, remedy="Set it inside this range.")
    assert isinstance(error, ValueError)
    assert error.what == "Random.low"
    assert str(error) == "Random.low: expected a number in [0, 1], got 1.5. Set it inside this range."


def test_an_infeasible_budget_keeps_its_numbers() -> None:
    error = InfeasibleError("latency", limit=1.23456789, smallest=2.0, unit="ms", remedy="Raise it.")
    assert (error.constraint, error.limit, error.smallest, error.unit) == ("latency", 1.23456789, 2.0, "ms")
    assert str(error) == ("budget 'latency' cannot be met: limit 1.23457 ms, smallest value reached 2 ms. Raise it.")


def test_remedies_are_not_optional() -> None:
    with pytest.raises(TypeError, match="remedy"):
        InputError("what", expected="this", got="that")  # type: ignore[call-arg]
