"""Networks and made-up surrogates whose optimum can be found by trying everything."""

import itertools
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from function import Function
from torch import nn

from cpruner.space import PruningSpace, trace
from cpruner.surrogate import Surrogate

TOKENS = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def chain(*widths: int, activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    """Linear layers one after the other: the cost of each is a product of two widths."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1]).double().eval()


def parallel(*widths: int) -> nn.Module:
    """Hidden layers side by side: their costs add up."""
    parts: dict[str, nn.Module] = {}
    for number, width in enumerate(widths):
        parts |= {f"a{number}": nn.Linear(5, width), f"b{number}": nn.Linear(width, 3)}
    numbers = range(len(widths))
    return Function(lambda s, x: sum(getattr(s, f"b{n}")(torch.tanh(getattr(s, f"a{n}")(x))) for n in numbers), **parts)


@cache
def chained(*widths: int) -> PruningSpace:
    """The space of a chain."""
    return trace(chain(*widths), TOKENS[:1, :1].expand(1, widths[0]).contiguous())


@cache
def paralleled(*widths: int) -> PruningSpace:
    """The space of hidden layers side by side."""
    return trace(parallel(*widths), TOKENS[:1])


def made(space: PruningSpace, curves: Sequence[Sequence[float]], **changed: Any) -> Surrogate:
    """A surrogate from errors at widths 0 to the size of every group; every nat counts the same."""
    error_GW = np.zeros((len(curves), max(space.sizes) + 1))
    for group, curve in enumerate(curves):
        error_GW[group, : len(curve)] = curve
    groups = len(space.groups)
    given: Mapping[str, Any] = {"factor_G": np.ones(groups), **changed}
    return Surrogate(space, error_GW, **given)


def falling(space: PruningSpace, seed: int, *, smooth: bool = False) -> Surrogate:
    """Errors that fall to 0 at the full width: in random steps, or as a power of what is gone."""
    generator = np.random.default_rng(seed)
    curves = []
    for size in space.sizes:
        steps = np.concatenate([[0.0], generator.exponential(size=size) ** 2])
        gone = np.arange(size + 1) / size
        curve = gone ** generator.uniform(1.5, 4) if smooth else steps.cumsum() / size
        curves.append((generator.lognormal() * curve[::-1]).tolist())
    return made(space, curves)


def candidates(space: PruningSpace) -> np.ndarray:
    """Every choice of legal widths."""
    lists = [sorted({space.rounding.width(s, w / s, g.step) for w in range(s + 1)}) for s, g in _groups(space)]
    return np.array(list(itertools.product(*lists)))


def _groups(space: PruningSpace) -> list[tuple[int, Any]]:
    return list(zip(space.sizes, space.groups, strict=True))


def least(surrogate: Surrogate, limits: Sequence[tuple[str, float]]) -> float:
    """The least prediction within the limits, by trying everything."""
    width_NG = candidates(surrogate.space)
    counts = surrogate.count(width_NG)
    fits = np.all([counts[name] <= limit for name, limit in limits], axis=0)
    return float(surrogate.predict(width_NG[fits]).min())


def share(space: PruningSpace, name: str, part: float) -> tuple[str, float]:
    """A limit that lies so far between the narrowest and the dense network."""
    low, high = (getattr(space.count(candidate), name) for candidate in (space.smallest(), space.dense()))
    return name, low + part * (high - low)
