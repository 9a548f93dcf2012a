import inspect
import pickle

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
    WorkerError,
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
        WorkerError,
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


@pytest.mark.parametrize(
    "error",
    [
        CostError("cost 'energy': no meter"),
        InputError("Random.low", expected="a number", got=1.5, remedy="Set it."),
        InfeasibleError("latency", limit=1.0, smallest=2.0, unit="ms", remedy="Raise it."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_everything_on_its_way_between_processes(error: CprunerError) -> None:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))
