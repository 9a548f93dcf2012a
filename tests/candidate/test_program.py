import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.candidate import Node, Pick, Program
from cpruner.candidate.program import frozen

#: Every kind of argument there is.
PROGRAM = Program(
    module="a.b",
    args=(("v", 0), ("list", ("v", 1), 3), ("any",)),
    kwargs=(("scale", 0.5), ("mode", "same"), ("parts", ("dict", ("x", ("v", 2))))),
    batch=(0, 0),
    picks=(Pick(4, 5, (2, 0, 1)),),
    nodes=(
        Node("pick", (("v", 0), 1, ("pick", 0)), (), 3),
        Node("aten.reshape.default", (("v", 3), ("list", ("scaled", ("n", 6), 2), ("size", 3, 1))), (), 4),
        Node("aten.convolution.default", (("v", 4), ("w", "c.weight"), None, ("groups", ("v", 4), ("v", 4))), (), 5),
        Node("module:proj", (("v", 5),), (("dtype", ("dtype", "float32")), ("on", ("device", 0))), (6, None, 7)),
        Node("F.layer_norm", (("v", 6), ("tuple", ("n", 7))), (), ("dict", ("y", 8))),
    ),
    out=("tuple", ("v", 8), ("n", 8)),
)

ATOMS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
NESTED = st.recursive(ATOMS, lambda parts: st.lists(parts, max_size=4), max_leaves=12)


def through_json(program: Program) -> Program:
    return Program.from_dict(json.loads(json.dumps(program.to_dict())))


def test_round_trip_through_json() -> None:
    again = through_json(PROGRAM)
    assert again == PROGRAM
    assert (again.args, again.kwargs, again.picks, again.nodes, again.out) == (
        PROGRAM.args, PROGRAM.kwargs, PROGRAM.picks, PROGRAM.nodes, PROGRAM.out,
    )  # fmt: skip


def test_no_batch_comes_back_as_none() -> None:
    assert through_json(replace(PROGRAM, batch=None)).batch is None


@given(NESTED)
def test_any_argument_comes_back_with_tuples_for_lists(value: Any) -> None:
    program = replace(PROGRAM, nodes=(Node("pick", (frozen(value),), (), 3),))
    assert through_json(program) == program
    assert through_json(program).nodes[0].args == (frozen(value),)


def test_infinities_and_what_is_no_number_survive() -> None:
    program = replace(PROGRAM, kwargs=(("low", float("-inf")), ("none", float("nan"))))
    assert through_json(program) == program
    assert through_json(program).kwargs[0][1] == float("-inf")


@pytest.mark.parametrize("pair", [(1, 1.0), (1, True), (0, False), (0.0, -0.0), (0, None), (0, "0")])
def test_numbers_that_compare_equal_make_different_programs(pair: tuple[Any, Any]) -> None:
    """``x + 1`` and ``x + 1.0`` differ for integers, and compiled programs are looked up by equality."""
    one, other = (replace(PROGRAM, out=value) for value in pair)
    assert one != other
    assert len({one, other, replace(PROGRAM, out=pair[0])}) == 2


def test_a_program_is_nothing_else() -> None:
    assert PROGRAM.text != PROGRAM
    assert PROGRAM != None  # noqa: E711 -- the comparison itself is tried


def test_deep_copies_share_a_program() -> None:
    assert copy.deepcopy([PROGRAM])[0] is PROGRAM


def test_labels_are_those_of_sizes_and_picks_wherever_they_stand() -> None:
    assert PROGRAM.labels() == {4, 5, 6, 7, 8}
    assert replace(PROGRAM, picks=(), nodes=(), out=None).labels() == frozenset()
    assert replace(PROGRAM, picks=(), nodes=(), out=None, kwargs=(("k", ("n", 9)),)).labels() == {9}


@pytest.mark.parametrize("key", sorted(PROGRAM.to_dict()))
def test_a_missing_part_is_named(key: str) -> None:
    with pytest.raises(KeyError, match=key):
        Program.from_dict({name: value for name, value in PROGRAM.to_dict().items() if name != key})


@pytest.mark.parametrize("key", ["picks", "nodes"])
@pytest.mark.parametrize("value", [3, None, [3], [[]], [[1, 2]], [[1, 2, 3, 4, 5]]])
def test_a_malformed_part_is_refused(key: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Program.from_dict({**PROGRAM.to_dict(), key: value})


def test_lists_become_tuples_and_nothing_else_changes() -> None:
    assert frozen([1, [2.5, ["a", None]], {"b": [3]}]) == (1, (2.5, ("a", None)), {"b": [3]})


def test_nesting_has_a_limit() -> None:
    """A text nested without end would exhaust the stack of the parser that reads it."""
    value: Any = 1
    for _ in range(32):
        value = [value]
    frozen(value)
    with pytest.raises(ValueError, match="too deeply nested"):
        frozen([value])
