"""Stages of random networks: modules with random widths, for images (B, C, H, W) and for tokens (B, N, C)."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from random_moves import MOVES, Moved
from torch import Tensor, nn

from cpruner.testing.attention_blocks import Attention, Residual, SelfAttention, SharedKeys
from cpruner.testing.blocks import Add, Gate, Join, Shuffle, Thin
from cpruner.testing.mixing_blocks import Mixer, ShuffleUnit, Swish

Draw = Callable[..., Any]
Stage = tuple[nn.Module, int]
ACTIVATIONS = (nn.ReLU, nn.Sigmoid, nn.Hardswish, nn.Identity)


def divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def norm(draw: Draw, channels: int) -> list[nn.Module]:
    """Batch norm, instance norm, group norm of any number of groups, or none."""
    kind = draw(st.sampled_from(("none", "batch", "instance", "group", "bare")))
    if kind == "group":
        return [nn.GroupNorm(draw(st.sampled_from(divisors(channels))), channels, affine=draw(st.booleans()))]
    made = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "bare": lambda c: nn.BatchNorm2d(c, affine=False)}
    return [made[kind](channels)] if kind in made else []


def conv(draw: Draw, inputs: int, outputs: int, groups: int = 1, stride: int = 1) -> nn.Module:
    """Convolution, norm or not, activation."""
    kernel = draw(st.sampled_from((1, 3)))
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=draw(st.booleans()))
    return nn.Sequential(layer, *norm(draw, outputs), draw(st.sampled_from(ACTIVATIONS))())


def plain(draw: Draw, channels: int) -> Stage:
    width = draw(st.integers(1, 7))
    return conv(draw, channels, width), width


def residual(draw: Draw, channels: int) -> Stage:
    inner = draw(st.integers(1, 6))
    body = nn.Sequential(conv(draw, channels, inner), conv(draw, inner, channels))
    return Add(skip=nn.Identity(), body=body), channels


def projected(draw: Draw, channels: int) -> Stage:
    width = draw(st.integers(1, 6))
    return Add(skip=conv(draw, channels, width, stride=2), body=conv(draw, channels, width, stride=2)), width


def padded(draw: Draw, channels: int) -> Stage:
    by = draw(st.integers(1, 2))
    return Add(skip=Thin(by), body=conv(draw, channels, channels + 2 * by, stride=2)), channels + 2 * by


def dense(draw: Draw, channels: int) -> Stage:
    growth = draw(st.integers(1, 4))
    return Join(conv(draw, channels, growth)), channels + growth


def grouped(draw: Draw, channels: int) -> Stage:
    groups = draw(st.sampled_from(divisors(channels)))
    width = groups * draw(st.integers(1, 3))
    return conv(draw, channels, width, groups=groups), width


def upscaled(draw: Draw, channels: int) -> Stage:
    groups = draw(st.sampled_from(divisors(channels)))
    width = groups * draw(st.integers(1, 3))
    return nn.ConvTranspose2d(channels, width, 2, 2, groups=groups, bias=draw(st.booleans())), width


def gated(draw: Draw, channels: int) -> Stage:
    return Gate(channels, draw(st.integers(1, 4))), channels


def halved(_: Draw, channels: int) -> Stage:
    return (nn.GLU(1), channels // 2) if channels % 2 == 0 else (nn.Identity(), channels)


def shuffled(draw: Draw, channels: int) -> Stage:
    """Shuffles of channels; those of torch may have any number of groups."""
    kind = draw(st.sampled_from(("torch", "halves", "unit")))
    if kind == "torch" or channels % 2:
        return nn.ChannelShuffle(draw(st.sampled_from(divisors(channels)))), channels
    return (Shuffle() if kind == "halves" else ShuffleUnit(channels)), channels


def pixels(draw: Draw, channels: int) -> Stage:
    if channels % 4 == 0 and draw(st.booleans()):
        return nn.PixelShuffle(2), channels // 4
    if channels > 3:
        return nn.Identity(), channels
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.PixelUnshuffle(2)), 4 * channels


def pooled(draw: Draw, channels: int) -> Stage:
    return draw(st.sampled_from((nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1), nn.Upsample(scale_factor=2)))), channels


def moved(draw: Draw, channels: int) -> Stage:
    """One to three moves of channels in one module."""
    names: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        possible = [name for name, (fits, _) in MOVES.items() if fits(channels)]
        names.append(draw(st.sampled_from(possible)))
        channels = MOVES[names[-1]][1](torch.zeros(1, channels, 1, 1)).shape[1]
    return Moved(names), channels


IMAGE_STAGES = (
    *(plain, residual, projected, padded, dense, grouped, upscaled),
    *(gated, halved, shuffled, pixels, pooled, moved, moved),
)


class Beside(nn.Module):
    """Two modules on the same tokens, their results joined and projected back."""

    def __init__(self, left: nn.Module, right: nn.Module, channels: int) -> None:
        super().__init__()
        self.left, self.right, self.proj = left, right, nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(torch.cat([self.left(x), self.right(x)], -1))


def attention(draw: Draw, channels: int) -> nn.Module:
    """Packed, torch's own, or with shared keys, in any number of heads."""
    count = draw(st.sampled_from(divisors(channels)))
    kind = draw(st.sampled_from(("packed", "torch", "shared")))
    if kind == "packed":
        return Attention(channels, count, fused=draw(st.booleans()))
    if kind == "torch":
        return SelfAttention(channels, count)
    shared = draw(st.sampled_from((1, 2)))
    return SharedKeys(channels, shared * draw(st.integers(1, 2)), shared, draw(st.integers(1, 3)))


def feed(draw: Draw, channels: int) -> nn.Module:
    """A feed-forward layer, plain or gated."""
    inner = draw(st.integers(1, 6))
    if draw(st.booleans()):
        return Swish(channels, inner)
    return nn.Sequential(nn.Linear(channels, inner), nn.GELU(), nn.Linear(inner, channels))


def block(draw: Draw, channels: int) -> nn.Module:
    """Norm, attention or feed-forward layer, layer scale, sum."""
    inner = draw(st.sampled_from((attention, feed)))(draw, channels)
    return Residual(channels, inner, draw(st.sampled_from((nn.LayerNorm, nn.RMSNorm))))


def encoder(draw: Draw, channels: int) -> nn.Module:
    """Torch's encoder layer, norms first or last."""
    heads, first = draw(st.sampled_from(divisors(channels))), draw(st.booleans())
    return nn.TransformerEncoderLayer(channels, heads, draw(st.integers(1, 6)), batch_first=True, norm_first=first)


def mixer(_: Draw, channels: int) -> nn.Module:
    return Mixer(4, channels)


def beside(draw: Draw, channels: int) -> nn.Module:
    return Beside(attention(draw, channels), feed(draw, channels), channels)


TOKEN_STAGES = (block, block, encoder, mixer, beside)
