import enum
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cpruner.candidate import Node, Pick, Program
from cpruner.candidate.source import FUNCTIONS, Source

EMPTY = Program("blk", (("v", 0),), (), (0, 0), (Pick(0, 1, (0,)),), (), ("v", 0))
HEAD = [
    "def forward(self, *args, **kwargs):",
    "    n = self._kept_counts",
    "    expect('the number of arguments of blk', 1, len(args))",
    "    expect('the keywords of blk', [], sorted(kwargs))",
    "    v0 = tensor('argument 0 of blk', args[0])",
    "    batch = v0.size(0)",
]


class Mode(str, enum.Enum):
    SAME = "same"


def returns(value: Any) -> str:
    """How one argument is written."""
    last = Source(replace(EMPTY, out=value)).text.splitlines()[-1]
    return last.removeprefix("    return ")


def test_the_whole_text_of_a_program() -> None:
    nodes = (
        Node("aten.max.dim", (("v", 0), 1), (("keepdim", True),), (None, 1)),
        Node("module:a.b", (("v", 1),), (), ("dict", ("y", 2))),
        Node("aten.max.dim", (("v", 2), 1), (), (3, 4)),
    )
    source = Source(replace(EMPTY, nodes=nodes, out=("tuple", ("v", 3), None)))
    assert source.text.splitlines() == [
        *HEAD,
        "    r = f0(v0, 1, keepdim=True)",
        "    v1 = r[1]",
        "    r = self._modules['a']._modules['b'](v1)",
        "    v2 = r['y']",
        "    r = f0(v2, 1)",
        "    v3 = r[0]",
        "    v4 = r[1]",
        "    return (v3, None, )",
    ]
    assert source.functions == {"f0": torch.ops.aten.max.dim}
    assert source.modules == ["a.b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (-3, "-3"),
        (0.1, "0.1"),
        (float("-inf"), "-inf"),
        ("it's", '"it\'s"'),
        (np.float64(0.5), "0.5"),
        (Mode.SAME, "'same'"),
        (("v", 0), "v0"),
        (("w", "weight"), "self.weight"),
        (("w", "proj.0.weight"), "self._modules['proj']._modules['0'].weight"),
        (("w", "list.0"), "getattr(self._modules['list'], '0')"),
        (("w", "lambda"), "getattr(self, 'lambda')"),
        (("n", 7), "n[7]"),
        (("size", 0, 2), "v0.size(2)"),
        (("scaled", 12, 3), "12 * batch // 3"),
        (("scaled", ("n", 1), 3), "n[1] * batch // 3"),
        (("groups", ("v", 0), ("w", "weight")), "v0.size(1) // self.weight.size(1)"),
        (("pick", 0), "self._pick_0"),
        (("dtype", "float64"), "torch.float64"),
        (("memory_format", "channels_last"), "torch.channels_last"),
        (("device", 0), "v0.device"),
        (("dtype_of", 0), "v0.dtype"),
        (("list",), "[]"),
        (("list", 1, ("v", 0)), "[1, v0]"),
        (("tuple",), "()"),
        (("tuple", 1), "(1, )"),
        (("dict", ("a", 1), (2, ("v", 0))), "{'a': 1, 2: v0}"),
    ],
)
def test_arguments(value: Any, text: str) -> None:
    assert returns(value) == text


def test_what_is_read_is_listed() -> None:
    source = Source(replace(EMPTY, out=("list", ("w", "weight"), ("w", "proj.0.weight"))))
    assert source.tensors == ["weight", "proj.0.weight"]
    assert source.state == ["_kept_counts", "_pick_0"]


def test_a_suffix_keeps_two_programs_of_one_module_apart() -> None:
    source = Source(replace(EMPTY, out=("pick", 0)), "_2")
    assert source.state == ["_kept_counts_2", "_pick_2_0"]
    assert "n = self._kept_counts_2\n" in source.text
    assert source.text.endswith("return self._pick_2_0\n")


def test_checks_of_a_call() -> None:
    """Tensors are named first; what follows the batch size is looked at once that is known."""
    program = replace(
        EMPTY,
        args=(("v", 0), ("v", 0), ("tuple", ("v", 1), 4), ("scaled", 6, 2), ("dtype", "int64"), ("any",)),
        kwargs=(("b", None), ("a", ("dict", ("y", ("v", 2)), ("x", 1)))),
    )
    assert Source(program).text.splitlines()[2:-1] == [
        "    expect('the number of arguments of blk', 6, len(args))",
        "    expect('the keywords of blk', ['a', 'b'], sorted(kwargs))",
        "    v0 = tensor('argument 0 of blk', args[0])",
        "    same('argument 1 of blk', v0, args[1])",
        "    expect('the length of argument 2 of blk', 2, length(args[2]))",
        "    v1 = tensor('argument 2 of blk', args[2][0])",
        "    expect('argument 2 of blk', 4, args[2][1])",
        "    expect(\"argument 'b' of blk\", None, kwargs['b'])",
        "    expect(\"the keys of argument 'a' of blk\", ['x', 'y'], keys(kwargs['a']))",
        "    v2 = tensor(\"argument 'a' of blk\", kwargs['a']['y'])",
        "    expect(\"argument 'a' of blk\", 1, kwargs['a']['x'])",
        "    batch = v0.size(0)",
        "    expect('argument 3 of blk', 6 * batch // 2, args[3])",
        "    expect('argument 4 of blk', torch.int64, args[4])",
    ]


def test_norms_attention_and_dropout_beside_the_ops() -> None:
    assert FUNCTIONS["torch.tensor"] is torch.tensor
    functions = {name: call for name, call in FUNCTIONS.items() if name.startswith("F.")}
    assert {name.removeprefix("F.") for name in functions} == {
        *("layer_norm", "group_norm", "scaled_dot_product_attention", "alpha_dropout", "feature_alpha_dropout"),
        *("dropout", "dropout1d", "dropout2d", "dropout3d"),
    }
    assert all(getattr(torch.nn.functional, name.removeprefix("F.")) is call for name, call in functions.items())
    nodes = tuple(Node(op, (("v", 0),), (), None) for op in FUNCTIONS)
    assert list(Source(replace(EMPTY, nodes=nodes)).functions.values()) == list(FUNCTIONS.values())


def test_modes_of_the_module_and_of_those_inside() -> None:
    assert returns(("training", "")) == "self.training"
    assert returns(("training", "a.0")) == "self._modules['a']._modules['0'].training"
    assert returns(("dropout", 0.5, "a")) == "(0.5 if self._modules['a'].training else 0.0)"
    source = Source(replace(EMPTY, out=("tuple", ("training", "a.0"), ("dropout", 0.5, ""), ("training", ""))))
    assert source.modules == ["a.0"]
