"""A module that runs a program takes only the call that was recorded."""

from collections import namedtuple
from typing import Any

import pytest
import torch
from programs import installed, program

from cpruner.candidate.replay import expect, keys, length, same, tensor
from cpruner.errors import InputError

ARGUMENTS = program(
    args=(("v", 0), 3, ("list", ("v", 2), ("v", 2)), float("nan"), ("dict", ("k", 1)), ("any",), ("dtype", "int8")),
    kwargs=(("mode", None), ("size", ("scaled", 4, 2))),
    batch=(0, 0),
    out=("v", 2),
)


def called(**changes: Any) -> Any:
    x, part = torch.zeros(5, 1), torch.ones(2)
    values: dict[str, Any] = {
        "x": x, "three": 3, "parts": [part, part], "nan": float("nan"), "table": {"k": 1}, "any": object(),
        "dtype": torch.int8, "mode": None, "size": 10, **changes,
    }  # fmt: skip
    more = {key: value for key, value in values.items() if key in ("mode", "size", "more")}
    return installed(ARGUMENTS)(*(value for key, value in values.items() if key not in more), **more)


def test_the_recorded_call_passes() -> None:
    assert called().tolist() == [1, 1]
    assert called(parts=(torch.ones(2), torch.ones(2)), three=3.0).tolist() == [1, 1]
    assert called(x=torch.zeros(1, 9), size=2, any=None, nan=-float("nan")).tolist() == [1, 1]


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"x": 3}, "argument 0 of the model: expected a tensor, got 3"),
        ({"x": None}, "argument 0 of the model: expected a tensor, got None"),
        ({"three": 4}, "argument 1 of the model: expected 3, got 4"),
        ({"three": torch.tensor(3)}, r"argument 1 of the model: expected 3, got a tensor of shape \(\)"),
        ({"parts": []}, "the length of argument 2 of the model: expected 2, got 0"),
        ({"parts": [torch.ones(2)] * 3}, "the length of argument 2 of the model: expected 2, got 3"),
        ({"parts": torch.ones(2, 2)}, "the length of argument 2 of the model: expected 2, got .*a tensor"),
        ({"parts": Pair(torch.ones(2), torch.zeros(2))}, "argument 2 of the model: expected the tensor that is given"),
        ({"parts": [torch.ones(2), None]}, "argument 2 of the model: expected the tensor that is given"),
        ({"nan": 0.0}, "argument 3 of the model: expected nan, got 0.0"),
        ({"table": {}}, "the keys of argument 4 of the model"),
        ({"table": {"k": 1, "l": 2}}, "the keys of argument 4 of the model"),
        ({"table": {"k": 2}}, "argument 4 of the model: expected 1, got 2"),
        ({"table": 5}, "the keys of argument 4 of the model"),
        ({"dtype": torch.int16}, "argument 6 of the model: expected torch.int8, got a dtype"),
        ({"mode": "full"}, "argument 'mode' of the model: expected None, got 'full'"),
        ({"size": 11}, "argument 'size' of the model: expected 10, got 11"),
        ({"more": 1}, "the keywords of the model"),
        ({"further": 1}, "the number of arguments of the model: expected 7, got 8"),
    ],
)
def test_another_call_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        called(**change)


def test_too_few_arguments_and_keywords() -> None:
    model = installed(ARGUMENTS)
    with pytest.raises(InputError, match="the number of arguments of the model: expected 7, got 1"):
        model(torch.ones(1))
    with pytest.raises(InputError, match=r"the keywords of the model: expected \['mode', 'size'\], got \['mode'\]"):
        model(*[torch.ones(1)] * 7, mode=None)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (None, None), ("a", "a"), ([1], [1]), (float("nan"),) * 2])
def test_equal_settings_pass(one: Any, other: Any) -> None:
    expect("it", one, other)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (None, 0), ("a", None), ([1], [2]), (1, torch.tensor(1))])
def test_other_settings_do_not(one: Any, other: Any) -> None:
    with pytest.raises(InputError, match="Call it as in the forward pass that was traced, or trace again"):
        expect("it", one, other)


def test_the_checks_of_single_arguments() -> None:
    x = torch.ones(2)
    assert tensor("it", x) is x
    same("it", x, x)
    same("it", x, torch.ones(2))
    assert (length([1, 2]), length(()), length("ab"), keys({"b": 1, "a": 2}), keys(3)) == (
        2,
        0,
        "'ab'",
        ["a", "b"],
        "3",
    )
