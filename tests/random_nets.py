"""Hypothesis strategies: random small networks of everything that ties channels, and random candidates."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import reject
from hypothesis import strategies as st
from random_stages import IMAGE_STAGES, TOKEN_STAGES, conv
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.space import Candidate, PruningSpace
from cpruner.testing.attention_blocks import First
from cpruner.testing.nets import randomise

Draw = Callable[..., Any]


class Tokens(nn.Module):
    """Positions of an image one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class Mean(nn.Module):
    """Mean over all tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def finished(modules: list[nn.Module], example: Tensor) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The modules and a linear layer in float64 and eval mode, all norms and biases random."""
    try:
        size = nn.Sequential(*modules).eval()(example)[0].numel()
    except ValueError:  # an instance norm of a single position
        reject()
    network = nn.Sequential(*modules, nn.Flatten(), nn.Linear(size, 3)).double().eval()
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            randomise(module, generator)
    for parameter in network.parameters():
        if bool((parameter == parameter.flatten()[0]).all()):
            nn.init.normal_(parameter, generator=generator)
    return network, (example.double(),)


@st.composite
def image_networks(draw: Draw) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Convolution, one to four stages, mean or not, linear layer; and its input."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.default_generator.manual_seed(draw(st.integers(0, 2**20)))
        channels = draw(st.integers(1, 8))
        modules = [conv(draw, 3, channels)]
        for stage in draw(st.lists(st.sampled_from(IMAGE_STAGES), min_size=1, max_size=4)):
            module, channels = stage(draw, channels)
            modules.append(module)
        modules += [nn.AdaptiveAvgPool2d(1)] if draw(st.booleans()) else []
        return finished(modules, torch.randn(draw(st.integers(1, 2)), 3, 6, 6))


@st.composite
def token_networks(draw: Draw) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Tokens or an image made into tokens, one to three stages, mean or first or all tokens, linear layer."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.default_generator.manual_seed(draw(st.integers(0, 2**20)))
        channels, batch = draw(st.sampled_from((2, 4, 6, 8))), draw(st.integers(1, 2))
        if draw(st.booleans()):
            modules, example = [nn.Linear(5, channels)], torch.randn(batch, 4, 5)
        else:
            modules, example = [conv(draw, 3, channels), Tokens()], torch.randn(batch, 3, 2, 2)
        for stage in draw(st.lists(st.sampled_from(TOKEN_STAGES), min_size=1, max_size=3)):
            modules.append(stage(draw, channels))
        ends = ([], [Mean()], [First()], [nn.LayerNorm(channels), Mean()])
        return finished([*modules, *draw(st.sampled_from(ends))], example)


def networks() -> st.SearchStrategy[tuple[nn.Module, tuple[Tensor, ...]]]:
    """A float64 network in eval mode with random statistics, and its input."""
    return st.one_of(image_networks(), token_networks())


@st.composite
def candidates(draw: Draw, space: PruningSpace) -> Candidate:
    """Any legal choice of channels, not only the best-ranked ones."""
    kept = [
        draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size, unique=True).map(sorted))
        for size in space.sizes
    ]
    return Candidate(tuple(tuple(group) for group in kept), space.plan)
