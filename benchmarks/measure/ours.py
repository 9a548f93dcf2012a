"""Every column of the breadth table for cpruner, in stages: what was found before a failure or time-out is kept."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn
from zoo import Entry

from cpruner import PruningSpace, materialise, trace
from measure.count import macs, parameters, shapes
from measure.error import TOLERANCE, masking_error, precision_for
from measure.frozen import stuck
from measure.memory import peak_mb

KEEP = 0.5
REPEATS = 3
EXACT = 1e-9

Facts = dict[str, Any]


def measure(entry: Entry) -> Iterator[Facts]:
    """Facts as they become known; ``stage`` says what is being done next."""
    yield {"stage": "build"}
    model, inputs = entry.build(), entry.inputs()
    yield {"stage": "dense forward"}
    work, output = macs(model, inputs)
    yield {"params": parameters(model), "macs": work, "stage": "trace"}
    start = time.perf_counter()
    space = trace(model, inputs)
    yield {"trace_s": time.perf_counter() - start, **structure(space, model), "stage": "count"}
    candidate = space.uniform(KEEP)
    dense, half = space.count(space.dense()), space.count(candidate)
    yield {"said": [dense.params, dense.macs, half.params, half.macs], "stage": "materialise"}
    seconds, small = timed(lambda: materialise(model, candidate))
    yield {"materialise_s": seconds, "stage": "pruned forward"}
    small_work, small_output = macs(small, inputs)
    yield {
        "small_params": parameters(small),
        "small_macs": small_work,
        "same_shapes": shapes(output) == shapes(small_output),
        "peak_mb": peak_mb(),
        "stage": "comparison with the mask",
    }
    del small, output, small_output
    precision = precision_for(parameters(model))
    yield {"max_error": masking_error(model, space, candidate, inputs, precision), "precision": precision, "stage": ""}


def structure(space: PruningSpace, model: nn.Module) -> Facts:
    """Groups, and what is frozen and why."""
    sizes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    found = stuck(sizes, (member for group in space.groups for member in group.members), space.frozen)
    return {
        "groups": len(space.groups),
        "channels": sum(group.size for group in space.groups),
        "frozen_params": found.params,
        "frozen_axes": found.axes,
        "frozen_reasons": found.reasons,
        "unexplained_params": found.unexplained,
    }


def timed(build: Callable[[], nn.Module]) -> tuple[float, nn.Module]:
    """Median seconds of a few calls, and the last result."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = build()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def faults(facts: Mapping[str, Any]) -> list[str]:
    """What a complete set of facts breaks of the promises; empty where all hold.

    Counts must be those of torch's own counter, the outputs must keep their shapes, every parameter that cannot shrink
    must have a reason, and the pruned network must compute what the masked one does.
    """
    counted = [facts["params"], facts["macs"], facts["small_params"], facts["small_macs"]]
    names = ["dense parameters", "dense MACs", "parameters", "MACs"]
    found = [
        f"{name}: predicted {said:.0f}, counted {true:.0f}"
        for name, said, true in zip(names, facts["said"], counted, strict=True)
        if abs(said - true) > EXACT * true
    ]
    if not facts["groups"]:
        found.append("nothing can be pruned")
    if not facts["same_shapes"]:
        found.append("the outputs have other shapes")
    if facts["unexplained_params"]:
        found.append(f"{facts['unexplained_params']} parameters in no group and without a reason")
    if not facts["max_error"] <= TOLERANCE[facts["precision"]]:
        found.append(f"differs from the masked network by {facts['max_error']:.1e}")
    return found
