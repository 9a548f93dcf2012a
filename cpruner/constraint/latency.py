"""Latency: the time one forward call takes, on the device and at the batch size that matter."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import nn

from cpruner.constraint.cost import Sample
from cpruner.constraint.example import as_inputs, device_of, map_tensors, resize_batch
from cpruner.constraint.steady import steady
from cpruner.errors import CostError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Latency:
    """Median time of one forward call in milliseconds, on the device that holds the network.

    CPU calls are timed by the wall clock, CUDA calls by device events around each call, launch gaps included, as a
    user would wait for them. Give the batch size you serve: fewer FLOPs are not faster where a device is half idle.
    """

    batch_size: int | None = option(None, "Examples per call; unset: as many as the example inputs hold.", low=1)
    warmup: int = option(10, "Calls made before the clock starts.", low=0)
    repeats: int = option(50, "Calls timed one by one; their median is the latency.", low=3)
    threads: int | None = option(None, "CPU threads while timing; unset: torch's present setting.", low=1)

    name: ClassVar[str] = "latency"
    unit: ClassVar[str] = "ms"
    counted: ClassVar[str | None] = None
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the options."""
        check(self)

    def measure(self, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:
        """Time the network in evaluation mode without gradients.

        Args:
            network: Stays on its device; the inputs are copied there.
            example_inputs: Positional arguments of one forward call, resized to ``batch_size`` examples.

        Returns:
            Median and its notch, in ms.

        Raises:
            CostError: The device is neither a CPU nor CUDA, or the network cannot be run.
        """
        inputs = as_inputs(example_inputs)
        device = device_of(network, inputs)
        if device.type not in ("cpu", "cuda"):
            raise CostError(
                f"latency is timed on cpu and cuda, and the network is on {device}. "
                "Move it, or pass a timer of your own as External(function)."
            )
        if self.batch_size is not None:
            inputs = resize_batch(inputs, self.batch_size)
        inputs = map_tensors(lambda tensor: tensor.to(device), inputs)
        clock = _time_on_cpu if device.type == "cpu" else _time_on_cuda
        try:
            with steady(network, device), torch.inference_mode(), _threads(self.threads):
                for _ in range(self.warmup):
                    network(*inputs)
                return Sample.of(clock(network, inputs, self.repeats))
        except Exception as error:
            raise CostError(f"latency: the network cannot be run on its example inputs: {error}") from error


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _time_on_cpu(network: nn.Module, inputs: tuple[Any, ...], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter_ns()
        network(*inputs)
        times.append((time.perf_counter_ns() - start) / 1e6)
    return times


def _time_on_cuda(network: nn.Module, inputs: tuple[Any, ...], repeats: int) -> list[float]:
    event: Any = torch.cuda.Event
    with torch.cuda.device(device_of(network, inputs)):
        starts = [event(enable_timing=True) for _ in range(repeats)]
        ends = [event(enable_timing=True) for _ in range(repeats)]
        torch.cuda.synchronize()
        for start, end in zip(starts, ends, strict=True):
            start.record()
            network(*inputs)
            end.record()
        torch.cuda.synchronize()
    return [start.elapsed_time(end) for start, end in zip(starts, ends, strict=True)]
