"""Hypothesis strategies: random small networks of everything that ties channels, and random candidates."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.space import Candidate, PruningSpace
from cpruner.testing.blocks import Add, Gate, Join, Shuffle, Thin
from cpruner.testing.nets import randomise

Draw = Callable[..., Any]
ACTIVATIONS = (nn.ReLU, nn.Sigmoid, nn.Hardswish, nn.Identity)


def conv(draw: Draw, inputs: int, outputs: int, groups: int = 1, stride: int = 1) -> nn.Module:
    """Convolution, batch norm or not, activation."""
    bias, norm = draw(st.booleans()), draw(st.booleans())
    kernel = draw(st.sampled_from((1, 3)))
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)]
    layers += [nn.BatchNorm2d(outputs)] if norm else []
    return nn.Sequential(*layers, draw(st.sampled_from(ACTIVATIONS))())


def plain(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    width = draw(st.integers(1, 7))
    return conv(draw, channels, width), width


def residual(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    inner = draw(st.integers(1, 6))
    body = nn.Sequential(conv(draw, channels, inner), conv(draw, inner, channels))
    return Add(skip=nn.Identity(), body=body), channels


def projected(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    width = draw(st.integers(1, 6))
    return Add(skip=conv(draw, channels, width, stride=2), body=conv(draw, channels, width, stride=2)), width


def padded(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    by = draw(st.integers(1, 2))
    return Add(skip=Thin(by), body=conv(draw, channels, channels + 2 * by, stride=2)), channels + 2 * by


def dense(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    growth = draw(st.integers(1, 4))
    return Join(conv(draw, channels, growth)), channels + growth


def grouped(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    width = groups * draw(st.integers(1, 3))
    return conv(draw, channels, width, groups=groups), width


def gated(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    return Gate(channels, draw(st.integers(1, 4))), channels


def shuffled(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    """From four channels on: a view that splits two channels looks like one that adds an axis (only a proof tells)."""
    return (Shuffle() if channels in (4, 6, 8) else nn.Identity()), channels


def upscaled(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    width = draw(st.integers(1, 5))
    return nn.ConvTranspose2d(channels, width, 2, 2, bias=draw(st.booleans())), width


def pooled(draw: Draw, channels: int) -> tuple[nn.Module, int]:
    return nn.MaxPool2d(3, 1, 1), channels


STAGES = (plain, residual, projected, padded, dense, grouped, gated, shuffled, upscaled, pooled)


@st.composite
def networks(draw: Draw) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A float64 network in eval mode with random statistics, and its input."""
    with torch.random.fork_rng():
        torch.manual_seed(draw(st.integers(0, 2**20)))
        channels = draw(st.integers(1, 8))
        modules = [conv(draw, 3, channels)]
        for stage in draw(st.lists(st.sampled_from(STAGES), min_size=1, max_size=4)):
            module, channels = stage(draw, channels)
            modules.append(module)
        image = torch.randn(draw(st.integers(1, 2)), 3, 6, 6)
        if draw(st.booleans()):
            modules.append(nn.AdaptiveAvgPool2d(1))
        size = nn.Sequential(*modules).eval()(image)[0].numel()
        network = nn.Sequential(*modules, nn.Flatten(), nn.Linear(size, 3)).double().eval()
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            randomise(module, generator)
    return network, (image.double(),)


@st.composite
def candidates(draw: Draw, space: PruningSpace) -> Candidate:
    """Any legal choice of channels, not only the best-ranked ones."""
    kept = [
        draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size, unique=True).map(sorted))
        for size in space.sizes
    ]
    return Candidate(tuple(tuple(group) for group in kept), space.plan)
