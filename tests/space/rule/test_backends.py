"""Kernels that other devices run in place of those of the CPU: the rules are asked what such a call means."""

from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn

from cpruner.space.label.resolve import resolve
from cpruner.space.rule import RULES, pointwise
from cpruner.space.rule.attention import ATTENTION
from cpruner.space.run.tracer import Call, Tracer


def tracer_of(**shapes: tuple[int, ...]) -> tuple[Tracer, dict[str, Tensor]]:
    """A tracer, and the parameters of its model."""
    model = Function(lambda s: None, **{key: nn.Parameter(torch.zeros(shape)) for key, shape in shapes.items()})
    return Tracer(model, RULES, pointwise), dict(model.named_parameters())


def components(tracer: Tracer) -> dict[tuple[str, int], list[int]]:
    """What every axis that was met is tied to."""
    component = resolve(tracer.sheet).component
    return {axis: component[labels.numpy()].tolist() for axis, labels in tracer.axes.items()}


def ran(tracer: Tracer, kernel: Any, args: tuple[Any, ...], result: Any, **kwargs: Any) -> None:
    name = kernel.overloadpacket.__name__
    RULES[name](tracer, Call(name, kernel, args, kwargs, result))


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("scale", [None, 0.5])
def test_fused_attention(name: str, scale: float | None) -> None:
    tracer, own = tracer_of(q=(2, 3, 4, 5), k=(2, 3, 6, 5), v=(2, 3, 6, 7), bias=(1, 3, 4, 6))
    kernel = getattr(torch.ops.aten, name).default
    names = [argument.name for argument in kernel._schema.arguments]
    ahead, named = "attn_bias" in names, "attn_mask" in names
    result = torch.zeros(2, 3, 4, 7)
    args = (own["q"], own["k"], own["v"], *((own["bias"],) if ahead else ()))
    ran(tracer, kernel, args, (result, result), scale=scale, **({"attn_mask": own["bias"]} if named else {}))

    of = components(tracer)
    assert of["q", 1] == of["k", 1] == of["v", 1]
    assert of["q", 3] == of["k", 3]
    assert bool(tracer.recorder.root.baked) == (scale is None)
    assert resolve(tracer.sheet).component[tracer.labels(result, 3).numpy()].tolist() == of["v", 3]
    assert sum(cost.total for cost in tracer.costs) == 2 * 2 * 3 * 4 * 6 * (5 + 7)
    assert {reason for _, reason in tracer.sheet.frozen} == {"attention mixes this axis"}
    if ahead or named:
        assert of["bias", 1] == of["q", 1]


@pytest.mark.parametrize(
    "name", ["cudnn_batch_norm", "miopen_batch_norm", "native_batch_norm", "_native_batch_norm_legit"]
)
@pytest.mark.parametrize("training", [False, True])
def test_batch_norms(name: str, training: bool) -> None:
    """Statistics of the input mix examples and positions; those that were recorded do not."""
    tracer, own = tracer_of(x=(2, 3, 4), w=(3,), b=(3,), m=(3,), v=(3,))
    result = torch.zeros(2, 3, 4)
    kernel = getattr(torch.ops.aten, name).default
    ran(tracer, kernel, (*own.values(), training, 0.1, 1e-5), (result, result, result))
    of = components(tracer)
    assert of["x", 1] == of["w", 0] == of["b", 0] == of["m", 0] == of["v", 0]
    assert bool(tracer.sheet.frozen) == training


def test_batch_norm_without_running_statistics() -> None:
    tracer, own = tracer_of(x=(2, 3, 4), w=(3,), b=(3,))
    result = torch.zeros(2, 3, 4)
    kernel = torch.ops.aten._native_batch_norm_legit.no_stats
    ran(tracer, kernel, (*own.values(), True, 0.1, 1e-5), (result, result, result))
    assert {reason for _, reason in tracer.sheet.frozen} == {"op '_native_batch_norm_legit' mixes this axis"}
    assert components(tracer)["x", 1] == components(tracer)["w", 0]


@pytest.mark.parametrize("bias", [False, True])
def test_linear_layers_in_one_piece(bias: bool) -> None:
    tracer, own = tracer_of(x=(2, 5, 6), w=(7, 6), b=(7,))
    result = torch.zeros(2, 5, 7)
    ran(tracer, torch.ops.aten.linear.default, tuple(own.values())[: 2 + bias], result)
    of = components(tracer)
    assert of["x", 2] == of["w", 1]
    assert not bias or of["b", 0] == of["w", 0]
    assert resolve(tracer.sheet).component[tracer.labels(result, 2).numpy()].tolist() == of["w", 0]
    assert [cost.total for cost in tracer.costs] == [2 * 2 * 5 * 6 * 7]
    assert tracer.producers == [("w", 0)]
