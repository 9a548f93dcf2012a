"""The ways a network leaves eager PyTorch (torch.export, ONNX, torch.compile), each with what it computes there."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from measure.count import tensors

#: Greatest relative error of a network that left and of the one that stayed.
TOLERANCE = 1e-4


def exported(network: nn.Module, inputs: tuple[Any, ...], *, strict: bool = False, **options: Any) -> list[Tensor]:
    """Outputs of the program that ``torch.export`` writes.

    Args:
        network: In the mode it is to be exported in.
        inputs: Positional arguments.
        strict: Through Dynamo, which reads the Python code, instead of running it.
        options: Passed on (``dynamic_shapes``).
    """
    with _quiet():
        program = torch.export.export(network, inputs, strict=strict, **options)
        return tensors(program.module()(*inputs))


def through_onnx(network: nn.Module, inputs: tuple[Any, ...]) -> list[Tensor]:
    """Outputs of onnxruntime on the CPU for the file that torch's exporter writes.

    Args:
        network: In eval mode, on the CPU.
        inputs: Positional arguments.
    """
    import onnxruntime  # type: ignore[import-untyped]

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        program = torch.onnx.export(network, inputs, dynamo=True, verbose=False)
        if program is None:
            raise RuntimeError("torch.onnx.export made no program")
        program.save(file, external_data=True)  # one file of more than 2 GB is beyond protobuf
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        values = [value.numpy() for value in tree_leaves(inputs) if isinstance(value, Tensor)]
        return [torch.from_numpy(value) for value in session.run(None, dict(zip(names, values, strict=True)))]


def compiled(network: nn.Module, inputs: tuple[Any, ...], backend: str = "aot_eager") -> list[Tensor]:
    """Outputs of ``torch.compile`` without a graph break.

    Args:
        network: In any mode.
        inputs: Positional arguments.
        backend: ``eager`` captures, ``aot_eager`` also lowers to aten, ``inductor`` also generates code.
    """
    torch.compiler.reset()
    with _quiet():
        return tensors(torch.compile(network, backend=backend, fullgraph=True)(*inputs))


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn about their own insides, which is nothing the network could mend."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        yield
