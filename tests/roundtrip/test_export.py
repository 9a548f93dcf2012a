"""A smaller network goes through torch.export and torch.compile where the dense one does."""

import shutil
from typing import Any

import pytest
import torch
from few import few
from measure.deploy import compiled, exported
from smaller import NAMES, STATING, Pruned, pruned
from torch import Tensor

from cpruner.space import tensors_of, trace

# an export or a compilation takes a second and more: these hold every kind of program and one transformer, the slow
# suite does the others
FAST = ("option A in a module", "option A in a block", "channel shuffle", "windowed attention")
TRANSFORMER = "vision transformer"


def fast(names: list[str], *more: str) -> list[Any]:
    """The names as parameters, all but the fast ones and ``more`` of them marked slow."""
    return [name if name in (*FAST, *more) else pytest.param(name, marks=pytest.mark.slow) for name in names]


def close(results: list[Tensor], case: Pruned, inputs: tuple[Tensor, ...] | None = None) -> None:
    with torch.no_grad():
        expected = tensors_of(case.small(*(inputs or case.inputs)))
    assert len(results) == len(expected) > 0
    for result, reference in zip(results, expected, strict=True):
        torch.testing.assert_close(result, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", few(NAMES))
def test_export(name: str) -> None:
    case = pruned(name)
    close(exported(case.small, case.inputs), case)


@pytest.mark.integration
@pytest.mark.parametrize("name", fast(STATING))
def test_strict_export(name: str) -> None:
    case = pruned(name)
    close(exported(case.small, case.inputs, strict=True), case)


@pytest.mark.integration
@pytest.mark.parametrize("name", fast([*STATING, TRANSFORMER], TRANSFORMER))
def test_the_batch_size_stays_free(name: str) -> None:
    case = pruned(name)
    batch = torch.export.Dim("batch", min=1, max=64)
    shapes: Any = tuple({0: batch} for _ in case.inputs)
    with torch.no_grad():
        program = torch.export.export(case.small, case.inputs, dynamic_shapes=shapes, strict=False)
    for size in (1, 5):
        close(tensors_of(program.module()(*case.batch(size))), case, case.batch(size))


@pytest.mark.parametrize("name", fast([*STATING, "two inputs"], "two inputs"))
def test_inputs_keep_their_names(name: str) -> None:
    case = pruned(name)
    mine, theirs = (
        torch.export.export(network, case.inputs, strict=False).graph_signature.user_inputs
        for network in (case.small, case.model)
    )
    assert mine == theirs


@pytest.mark.integration
@pytest.mark.parametrize("name", fast(NAMES, TRANSFORMER))
def test_compile_without_a_graph_break(name: str) -> None:
    case = pruned(name)
    close(compiled(case.small, case.inputs), case)


def test_tracing_leaves_no_global_hook_that_torch_compile_would_warn_of() -> None:
    case = pruned("channel shuffle")
    trace(case.model, case.inputs)
    assert not torch.nn.modules.module._has_any_global_hook()


@pytest.mark.slow
def test_a_compiled_network_takes_another_batch() -> None:
    case = pruned(TRANSFORMER)
    torch.compiler.reset()
    network = torch.compile(case.small, backend="eager", fullgraph=True)
    with torch.no_grad():
        for size in (2, 3, 4):
            close(tensors_of(network(*case.batch(size))), case, case.batch(size))


@pytest.mark.integration
def test_a_compiled_network_trains() -> None:
    case = pruned("channel shuffle")
    torch.compiler.reset()
    torch.compile(case.small, backend="aot_eager", fullgraph=True)(*case.inputs).square().sum().backward()
    mine = [parameter.grad for parameter in case.small.parameters()]
    case.small.zero_grad()
    case.small(*case.inputs).square().sum().backward()
    for gradient, parameter in zip(mine, case.small.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    case.small.zero_grad()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("name", ["channel shuffle", "torchvision swin"])
def test_generated_code(name: str) -> None:
    case = pruned(name)
    with torch._inductor.config.patch(compile_threads=1):
        close(compiled(case.small, case.inputs, backend="inductor"), case)
