"""Nothing that a file holds becomes code."""

import ast
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cpruner.candidate import Node, Pick, Program
from cpruner.candidate.source import Source
from cpruner.errors import ArtefactError

EMPTY = Program("blk", (("v", 0),), (), (0, 0), (Pick(0, 1, (0,)),), (), ("v", 0))
EVIL = "x'+__import__('os').system('true')+'"
CODE = "__import__('os').system('true')"


@pytest.mark.parametrize(
    "op",
    [
        *(
            "",
            ".",
            "...",
            "relu",
            "aten.relu",
            "aten..default",
            "aten.relu.default.__call__",
            "aten.no_such_op.default",
        ),
        *("aten.__class__.mro", "aten.__dict__.clear", "aten.name.upper", "aten.relu.__call__", "aten.relu._schema"),
        *("os.system.x", "prim.Print.default", "image.read_file.default", "builtins.exec.default", "torch.load.x"),
        *("aten.from_file.default", "aten.from_file.out", "aten.save.default"),
        *("F.linear", "F.layer_norm.__globals__", "torch", "expect", "self.__init__", "module:"),
        *(CODE, f"aten.relu.default({CODE})", "aten.relu.default\n", "aten.rel\x00u.default", "aten.\ud800.default"),
        *(None, 3, ("aten", "relu", "default"), {}),
    ],
)
def test_only_ops_of_torch_can_be_named(op: Any) -> None:
    with pytest.raises(ArtefactError):
        Source(replace(EMPTY, nodes=(Node(op, (("v", 0),), (), 1),)))


@pytest.mark.parametrize("key", ["", "a b", "a=1", "1a", "*a", "if", "None", f"a={CODE}, b", "a.b", None, 3])
def test_keywords_of_ops_are_names(key: Any) -> None:
    with pytest.raises(ArtefactError):
        Source(replace(EMPTY, nodes=(Node("aten.relu.default", (("v", 0),), ((key, 1),), 1),)))


def test_a_keyword_stands_once() -> None:
    with pytest.raises(ArtefactError, match="distinct keywords"):
        Source(replace(EMPTY, nodes=(Node("aten.relu.default", (), (("a", 1), ("a", 2)), 1),)))


@pytest.mark.parametrize(
    "value",
    [
        *(("v", CODE), ("v", "0"), ("v", -1), ("v", True), ("v", 1), ("v",), ("v", 0, 0), ("v", ("v", 0)), ("v", 0.0)),
        *(("w", 3), ("w", None), ("w",), ("n", CODE), ("n", -1), ("n", True), ("n", "0"), ("n",)),
        *(("size", CODE, 0), ("size", 0, CODE), ("size", 0, -1), ("size", 1, 0), ("size", 0)),
        *(("scaled", CODE, 0), ("scaled", 1, CODE), ("scaled", 1, 0), ("scaled", 1, -2), ("scaled", 1)),
        *(("groups", ("v", 0)), ("pick", CODE), ("pick", 1), ("pick", -1), ("pick", True)),
        *(("dtype", CODE), ("dtype", "float32.is_floating_point"), ("dtype", "load"), ("dtype", "os"), ("dtype", 1)),
        *(("dtype", "__builtins__"), ("dtype", "channels_last"), ("memory_format", "float32"), ("memory_format", CODE)),
        *(("device", CODE), ("device",), ("device", 1), ("any",), (), ("list", {}), ("tuple", ("eval", CODE))),
        *(("training",), ("training", 0), ("training", None), ("training", "a", "b"), ("dropout", "0.5", "")),
        *(("dropout", CODE, ""), ("dropout", 1.5, ""), ("dropout", -0.1, ""), ("dropout", float("nan"), "")),
        *(("dropout", 1, ""), ("dropout", True, ""), ("dropout", 0.5), ("dropout", 0.5, 0), ("dropout", ("v", 0), "")),
        *(("dict", (CODE,)), ("dict", "ab1"), ("dict", (1.5, 2)), ("dict", (None, 2)), ("dict", (("v", 0), 2))),
        *((CODE, 0), (None, 0), (0, 1), ({}, 0), {}, {"a": 1}, b"a", 1j, ..., object()),
    ],
)
def test_arguments_that_no_trace_writes_are_refused(value: Any) -> None:
    for program in (
        replace(EMPTY, out=value),
        replace(EMPTY, nodes=(Node("aten.relu.default", (value,), (), 1),)),
        replace(EMPTY, nodes=(Node("module:a", (), (("key", value),), 1),)),
    ):
        with pytest.raises(ArtefactError):
            Source(program)


@pytest.mark.parametrize("value", [("v", CODE), ("w", "a"), ("n", 0), ("list", ("v", True)), ("dict", ((), 1)), (), {}])
def test_recorded_arguments_that_no_trace_writes_are_refused(value: Any) -> None:
    with pytest.raises(ArtefactError):
        Source(replace(EMPTY, args=(("v", 0), value)))
    with pytest.raises(ArtefactError):
        Source(replace(EMPTY, kwargs=(("key", value),)))


@pytest.mark.parametrize("out", [CODE, True, -1, 1.0, ("v", 1), ("dict", (1.5, 1)), ("dict", (CODE,)), {}])
def test_results_have_numbers(out: Any) -> None:
    with pytest.raises(ArtefactError):
        Source(replace(EMPTY, nodes=(Node("aten.relu.default", (("v", 0),), (), out),)))


@pytest.mark.parametrize(
    "change",
    [
        *({"module": 3}, {"module": None}, {"kwargs": ((3, 1),)}, {"kwargs": (("a",),)}, {"kwargs": 3}, {"args": 3}),
        *({"batch": (CODE, 0)}, {"batch": (0, CODE)}, {"batch": (1, 0)}, {"batch": (0,)}, {"batch": 1}),
        *({"batch": None, "out": ("scaled", 1, 2)}, {"nodes": (Node("pick", 3, (), 1),)}),  # type: ignore[arg-type]
    ],
)
def test_everything_else_is_looked_at(change: Any) -> None:
    with pytest.raises(ArtefactError):
        Source(replace(EMPTY, **change))


def shape(text: str) -> str:
    """The syntax of a text without its string literals."""
    return re.sub(r"value=('([^'\\]|\\.)*'|\"([^\"\\]|\\.)*\")", "value='s'", ast.dump(ast.parse(text)))


def with_strings(text: str) -> Program:
    """A program with one string wherever a file may hold any."""
    return Program(
        text,
        (("v", 0), text, ("dict", (text, 1))),
        ((text, text),),
        None,
        (),
        (
            Node(
                f"module:a.{text}", (text,), (("key", ("dict", (text, ("w", f"{text}.weight")))),), ("dict", (text, 1))
            ),
        ),
        ("list", ("w", f"0{text}"), text, ("training", f"m{text}"), ("dropout", 0.5, f"m{text}")),
    )


@given(st.one_of(st.text(), st.sampled_from([EVIL, CODE, "'", '"', "\\", "\n", "\\'", "#", "{0}", "%s", "\x00"])))
def test_strings_stay_strings(text: str) -> None:
    """Whatever stands in a file, the syntax of the program is that of the harmless one."""
    assume("." not in text)  # a dot divides paths, which makes one more step
    plain = Source(with_strings("plain")).text
    assert shape(Source(with_strings(text)).text) == shape(plain)


@given(st.text())
def test_paths_with_dots_stay_paths(text: str) -> None:
    source = Source(replace(EMPTY, nodes=(Node(f"module:a{text}", (), (), None),), out=("w", f"0{text}")))
    calls = [node.func for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.Call)]
    names = {node.id for node in calls if isinstance(node, ast.Name)}
    assert names <= {"expect", "len", "sorted", "tensor", "getattr"}
    assert {type(node) for node in calls} <= {ast.Name, ast.Subscript, ast.Attribute}
    attributes = {node.attr for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.Attribute)}
    assert attributes <= {"_kept_counts", "_modules", "size", source.tensors[0].rpartition(".")[2]}
