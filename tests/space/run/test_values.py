from collections import OrderedDict, UserDict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn

from cpruner.space import as_inputs, fresh, tensors_of, trace

X, Y = torch.zeros(2), torch.ones(3)
Pair = namedtuple("Pair", ["x", "y"])


@dataclass
class Plain:
    x: Tensor
    rest: Any = None


@dataclass(slots=True)
class Slotted:
    x: Tensor
    rest: Any = None


class OneSlot:
    __slots__ = "x"  # noqa: PLC0205 -- legal, and what is tested

    def __init__(self, x: Tensor) -> None:
        self.x = x


class Extended(OneSlot):
    """Slots of the base, a dict of its own, and a slot that was never filled."""

    __slots__ = ("__dict__", "empty")

    def __init__(self, x: Tensor, y: Tensor) -> None:
        super().__init__(x)
        self.y = y


def test_one_tensor_becomes_a_tuple() -> None:
    assert as_inputs(X) == (X,)


@pytest.mark.parametrize("given", [(X, 3), [X, 3]])
def test_lists_and_tuples_are_positional_arguments(given: Any) -> None:
    assert as_inputs(given) == (X, 3)


def test_fresh_inputs_are_copies_of_the_tensors() -> None:
    x = torch.ones(2)
    copied, number = fresh((x, 7))
    copied.add_(1)
    assert (x.tolist(), number) == ([1, 1], 7)


def test_a_dict_is_one_argument() -> None:
    assert as_inputs({"x": X}) == ({"x": X},)


@pytest.mark.parametrize(
    "output",
    [
        [X, Y],
        (X, (Y, None)),
        {"x": X, "y": [Y]},
        {X, Y},
        frozenset((X, Y)),
        deque([X, Y]),
        OrderedDict(x=X, y=Y),
        UserDict({"x": X, "y": Y}),
        MappingProxyType({"x": X, "y": Y}),
        Pair(X, Y),
        Plain(X, {"y": Y}),
        Slotted(X, [Y]),
        Extended(X, Y),
        [OneSlot(X), SimpleNamespace(y=Y)],
    ],
)
def test_tensors_in_containers_of_any_kind(output: Any) -> None:
    assert {id(tensor) for tensor in tensors_of(output)} == {id(X), id(Y)}


@pytest.mark.parametrize("output", [None, 3, "text", [], {}, int, nn.Linear, nn.Linear(2, 2), [nn.ReLU(), lambda: X]])
def test_nothing_is_looked_for_in_modules_classes_and_constants(output: Any) -> None:
    assert tensors_of(output) == []


def test_every_tensor_is_found_once_and_circles_end() -> None:
    loop: dict[str, Any] = {"x": X, "again": [X, None, "text"]}
    loop["self"] = loop
    assert [id(tensor) for tensor in tensors_of(loop)] == [id(X)]


def test_the_order_is_the_same_for_equal_structures() -> None:
    one, other = ([Plain(X, Y), {"a": X.clone()}], [Plain(X, Y), {"a": X.clone()}])
    assert [tuple(t.shape) for t in tensors_of(one)] == [tuple(t.shape) for t in tensors_of(other)]


@pytest.mark.parametrize("wrap", [lambda y: {"y": [y]}, lambda y: (1, y), Plain, Slotted, lambda y: [OneSlot(y)]])
def test_outputs_of_any_form_keep_their_channels(wrap: Any) -> None:
    model = Function(lambda s, x: wrap(s.b(s.a(x))), a=nn.Linear(5, 6), b=nn.Linear(6, 4))
    space = trace(model, torch.zeros(2, 5, dtype=torch.float64))
    assert [(group.name, group.size) for group in space.groups] == [("a", 6)]
    assert {entry.tensor: entry.reason for entry in space.frozen}["b.bias"] == "output of the network"
