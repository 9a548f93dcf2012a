"""onnxruntime computes what the smaller network does."""

import copy

import pytest
import torch
from measure.deploy import TOLERANCE, through_onnx
from measure.error import relative
from smaller import NAMES, pruned

from cpruner.space import tensors_of

pytest.importorskip("onnxscript", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

# an export takes seconds: this one holds a program, the others are left to the slow suite
FAST = ("channel shuffle",)


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(n, marks=pytest.mark.slow) for n in NAMES if n not in FAST)])
def test_onnx(name: str) -> None:
    case = pruned(name)
    network, inputs = copy.deepcopy(case.small).float(), tuple(value.float() for value in case.inputs)
    results = through_onnx(network, inputs)
    with torch.no_grad():
        expected = tensors_of(network(*inputs))
    assert max(relative(one, two) for one, two in zip(results, expected, strict=True)) <= TOLERANCE
