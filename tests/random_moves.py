"""Ops that move, copy, join and cut channels, for random networks: what is possible with so many, and what is done."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Fits = Callable[[int], bool]
Move = Callable[[Tensor], Tensor]


def even(channels: int) -> bool:
    return channels % 2 == 0


def few(channels: int) -> bool:
    return channels <= 5


def several(channels: int) -> bool:
    return channels >= 4


def doubled_in_part(h: Tensor) -> Tensor:
    copy = h.clone()
    copy[:, :2].mul_(2)
    return copy


def dealt_out(h: Tensor) -> Tensor:
    return h.view(len(h), 2, h.shape[1] // 2, *h.shape[2:]).transpose(1, 2).reshape(h.shape)


def gated_by_heads(h: Tensor) -> Tensor:
    heads = h.unflatten(1, (2, -1))
    return (heads * heads.mean(2, keepdim=True).sigmoid()).flatten(1, 2)


def gated_by_the_largest(h: Tensor) -> Tensor:
    return h * torch.cat([h.amax(1, keepdim=True), h.mean(1, keepdim=True)], 1).sum(1, keepdim=True).sigmoid()


def written_into_zeros(h: Tensor) -> Tensor:
    larger = torch.zeros(len(h), h.shape[1], h.shape[2] + 1, h.shape[3], dtype=h.dtype)
    larger[:, :, 1:] = h
    return larger[:, :, :-1]


def summed_at_places(h: Tensor) -> Tensor:
    places = torch.arange(h.shape[3]) // 2
    return torch.zeros_like(h).index_add(3, places, h)


MOVES: dict[str, tuple[Fits, Move]] = {
    "flip": (several, lambda h: h.flip(1)),
    "roll": (several, lambda h: h.roll(2, 1)),
    "twice": (few, lambda h: torch.cat([h, h.relu()], 1)),
    "beside ones": (few, lambda h: torch.cat([h, torch.ones_like(h[:, :2])], 1)),
    "halves changed": (even, lambda h: torch.cat(h.chunk(2, 1)[::-1], 1)),
    "halves multiplied": (lambda c: even(c) and several(c), lambda h: h.chunk(2, 1)[0] * h.chunk(2, 1)[1].sigmoid()),
    "tail": (lambda c: c > 4, lambda h: h[:, 2:]),
    "head": (lambda c: c > 4, lambda h: h[:, :-2]),
    "every other": (several, lambda h: h[:, ::2]),
    "in turn": (few, lambda h: torch.stack([h, h.tanh()], 2).flatten(1, 2)),
    "repeated": (few, lambda h: h.repeat(1, 2, 1, 1)),
    "interleaved": (few, lambda h: h.repeat_interleave(2, 1)),
    "dealt out": (even, dealt_out),
    "padded": (few, lambda h: functional.pad(h, (0, 0, 0, 0, 1, 1))),
    "split and joined": (
        several,
        lambda h: torch.cat([part.relu() for part in h.split([2, h.shape[1] - 2], 1)[::-1]], 1),
    ),
    "doubled in part": (several, doubled_in_part),
    "products": (lambda c: 2 <= c <= 3, lambda h: (h[:, :, None] * h[:, None]).flatten(1, 2)),
    "gated by heads": (even, gated_by_heads),
    "gated by the largest": (lambda c: True, gated_by_the_largest),
    "written into zeros": (lambda c: True, written_into_zeros),
    "summed at places": (lambda c: True, summed_at_places),
    "last axis": (few, lambda h: h.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)),
}


class Moved(nn.Module):
    """Some moves one after the other."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def forward(self, x: Tensor) -> Tensor:
        for name in self.names:
            x = MOVES[name][1](x)
        return x
