"""Every column of the round-trip table: what the dense network can, the pruned one must be able to."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from zoo import Entry

from cpruner import materialise, trace
from measure.count import parameters, tensors
from measure.deploy import TOLERANCE, compiled, exported, through_onnx
from measure.error import relative
from measure.lifecycle import copies, pickles, restores, trains
from measure.memory import peak_mb

KEEP = 0.5
#: Networks whose code is also generated and compiled, which takes a minute each; one or two of every family.
INDUCTOR = (
    "resnet18",
    "mobilenet_v2",
    "shufflenet_v2_x0_5",
    "vit_b_16",
    "swin_t",
    "cifar/resnet20",
    "timm/pvt_v2_b0",
    "torch/transformer_encoder",
)
WAYS: dict[str, Callable[[nn.Module, tuple[Any, ...]], list[Tensor]]] = {
    "export": exported,
    "strict": partial(exported, strict=True),
    "onnx": through_onnx,
    "compile": compiled,
    "inductor": partial(compiled, backend="inductor"),
}
LIFE = ("train", "copy", "pickle", "state_dict")

Facts = dict[str, Any]


def measure(entry: Entry) -> Iterator[Facts]:
    """Facts as they become known; ``stage`` says what is being done next."""
    yield {"stage": "build"}
    model, inputs = entry.build(), entry.inputs()
    yield {"params": parameters(model), "stage": "trace"}
    candidate = trace(model, inputs).uniform(KEEP)
    small = materialise(model, candidate)
    yield {"small_params": parameters(small), "programs": len(candidate.plan.programs), "stage": "life"}
    steps: dict[str, Callable[[], None]] = {
        "train": partial(trains, small, inputs),
        "copy": partial(copies, small, inputs),
        "pickle": partial(pickles, small, inputs),
        "state_dict": partial(restores, model, candidate, small, inputs),
    }
    for name, step in steps.items():
        yield {"stage": name}
        yield {name: attempt(step)}
    for way, leave in WAYS.items():
        if way != "inductor" or entry.name in INDUCTOR:
            yield {"stage": f"{way}, dense"}
            dense = attempt(partial(error, leave, model, inputs))
            yield {f"{way}_dense": dense, "stage": f"{way}, pruned"}
            if "error" in dense:
                yield {f"{way}_pruned": attempt(partial(error, leave, small, inputs))}
    yield {"peak_mb": peak_mb(), "stage": ""}


def error(
    leave: Callable[[nn.Module, tuple[Any, ...]], list[Tensor]], network: nn.Module, inputs: tuple[Any, ...]
) -> float:
    """Greatest relative difference between a network that left eager mode and the same network in it."""
    results = leave(network, inputs)
    with torch.no_grad():
        references = tensors(network(*inputs))
    return max(relative(result, reference) for result, reference in zip(results, references, strict=True))


def attempt(step: Callable[[], float | None]) -> Facts:
    """Seconds of a step and the error it returned (None where that is not finite), or why it failed."""
    start = time.perf_counter()
    try:
        found = step()
    except Exception as raised:
        return {"reason": reason(raised)}
    facts: Facts = {"seconds": time.perf_counter() - start}
    return facts if found is None else facts | {"error": found if math.isfinite(found) else None}


def reason(raised: BaseException) -> str:
    """Kind and first line of what a chain of errors began with: exporters wrap it in advice."""
    while raised.__cause__ is not None:
        raised = raised.__cause__
    first = next((line for line in str(raised).splitlines() if line.strip()), "")
    return f"{type(raised).__name__}: {first[:200]}"


def close(facts: Mapping[str, Any]) -> bool:
    """Whether an attempt worked and came close enough."""
    return isinstance(facts.get("error"), float) and facts["error"] <= TOLERANCE


def faults(facts: Mapping[str, Any]) -> list[str]:
    """What the pruned network cannot do; leaving eager mode is only asked where the dense one can."""
    found = [f"{name}: {facts[name]['reason']}" for name in LIFE if "reason" in facts[name]]
    for way in WAYS:
        dense, pruned = (facts.get(f"{way}_{who}", {}) for who in ("dense", "pruned"))
        if close(dense) and not close(pruned):
            found.append(f"{way}: {pruned.get('reason') or 'differs by {:.1e}'.format(pruned['error'] or math.inf)}")
    return found
