"""Which way of running networks is fastest on this machine, tried on the dense network."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.evaluate.numerics import Numerics

_ROUNDS = 5
_MOST_IMAGES = 1024
_PASS_SECONDS = 0.5  # images are left out of the trial until one plain pass takes no longer
_PROBED, _TOO_SLOW = 8, 3.0  # images of the first look, and by what factor a way may then be behind
_AGREEMENT, _DIFFERENCE, _GAIN = 0.999, 1e-3, 1.1

Clock = Callable[[], float]


@dataclass(frozen=True)
class Trial:
    """One way of running the dense network, measured.

    Args:
        numerics: The way.
        seconds: Median time of one pass over the images of the trial.
        agreement: Share of images whose largest logit is the same as run plainly.
        difference: Mean absolute difference of the class probabilities from those.
    """

    numerics: Numerics
    seconds: float
    agreement: float
    difference: float


def choose(plain: Trial, others: Sequence[Trial]) -> Trial:
    """The fastest trial that agrees with ``plain``; that one itself unless another is 10 % faster."""
    agreeing = [trial for trial in others if trial.agreement >= _AGREEMENT and trial.difference <= _DIFFERENCE]
    best = min(agreeing, key=lambda trial: trial.seconds, default=plain)
    return best if best.seconds * _GAIN <= plain.seconds else plain


def fastest(
    network: nn.Module, inputs_N: Tensor, plain: Numerics, *, clock: Clock = time.perf_counter
) -> tuple[Numerics, tuple[Trial, ...]]:
    """Try number formats and layouts at the plain batch size, then batch sizes (and a CUDA graph) for the winner.

    The ways take turns, so that a busy machine slows all of them alike.

    Args:
        network: The dense network; comes back as it was.
        inputs_N: Images, on its device.
        plain: What is kept unless something is clearly faster.
        clock: Seconds.

    Returns:
        The choice, and everything that was measured.
    """
    inputs_N = inputs_N[: _affordable(network, inputs_N, plain, clock)]
    formats = [
        dataclasses.replace(plain, precision=precision, channels_last=last)
        for precision in ("float32", "bfloat16", "float16")
        for last in (False, True)
    ]
    first = compare(network, inputs_N, [plain, *formats], clock)
    best = choose(first[0], first[1:]).numerics
    sizes = sorted({min(len(inputs_N), max(1, plain.batch_size * factor // 4)) for factor in (1, 2, 4, 8, 16)})
    sized = [dataclasses.replace(best, batch_size=size) for size in sizes]
    graphs = [dataclasses.replace(way, cuda_graph=True) for way in sized if inputs_N.device.type == "cuda"]
    second = compare(network, inputs_N, [plain, best, *sized, *graphs], clock)
    return choose(second[0], second[1:]).numerics, (*first, *second)


def compare(network: nn.Module, inputs_N: Tensor, ways: Sequence[Numerics], clock: Clock) -> tuple[Trial, ...]:
    """Measure every way against the first; ways that fail or are far slower on a few images are left out."""
    plain, *others = dict.fromkeys(ways)
    few = inputs_N[:_PROBED]
    limit = _TOO_SLOW * _probed(network, few, plain, clock)
    kept = [plain, *(way for way in others if _bearable(way, _probed(network, few, way, clock), limit))]
    seconds: dict[Numerics, list[float]] = {way: [] for way in kept}
    probabilities: dict[Numerics, Tensor] = {}
    for _ in range(_ROUNDS):
        for way in kept:
            start = clock()
            logits_NK = _pass(network, inputs_N, way)
            seconds[way].append(clock() - start)
            probabilities[way] = logits_NK.double().softmax(dim=1)
    expected_NK = probabilities[plain]
    return tuple(
        Trial(
            numerics=way,
            seconds=statistics.median(seconds[way]),
            agreement=float((probabilities[way].argmax(1) == expected_NK.argmax(1)).double().mean()),
            difference=float((probabilities[way] - expected_NK).abs().mean()),
        )
        for way in kept
    )


def _pass(network: nn.Module, inputs_N: Tensor, way: Numerics) -> Tensor:
    """All logits, brought to the CPU, which waits for the device; what a candidate pays once is paid here too."""
    with way.running(network) as run:
        return torch.cat([run(inputs) for inputs in inputs_N.split(way.batch_size)]).cpu()


def _probed(network: nn.Module, few: Tensor, way: Numerics, clock: Clock) -> float:
    """Seconds for a few images, the faster of two passes; infinite if this machine cannot do it."""
    taken = []
    for _ in range(2):
        start = clock()
        try:
            _pass(network, few, way)
        except (RuntimeError, InputError):
            return float("inf")
        taken.append(clock() - start)
    return min(taken)


def _bearable(way: Numerics, seconds: float, limit: float) -> bool:
    """A graph is captured before its first batch, so on a few images it always looks slow."""
    return math.isfinite(seconds) if way.cuda_graph else seconds <= limit


def _affordable(network: nn.Module, inputs_N: Tensor, plain: Numerics, clock: Clock) -> int:
    """How many images one plain pass gets through in half a second, between 32 and 1024."""
    few = inputs_N[:_PROBED]
    rate = len(few) / max(_probed(network, few, plain, clock), 1e-9)
    return int(min(_MOST_IMAGES, max(32, rate * _PASS_SECONDS)))
