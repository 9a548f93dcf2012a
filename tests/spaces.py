"""Traces small networks, checks them at several candidates, and reads what was found."""

from typing import Any

import numpy as np
import torch
from function import Function
from invariants import check
from torch import Tensor, nn

from cpruner.space import Candidate, PruningSpace, trace


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Random float64 numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(space: PruningSpace, seed: int) -> Candidate:
    """Any channels of every group, not only the best-ranked ones."""
    generator = np.random.default_rng(seed)
    kept = [generator.choice(size, generator.integers(1, size + 1), replace=False) for size in space.sizes]
    return Candidate(tuple(tuple(sorted(map(int, group))) for group in kept), space.plan)


def checked(model: nn.Module, *inputs: Any, flops: bool = True) -> PruningSpace:
    """Trace a float64 network and hold it to both invariants: the smallest, the half and a drawn candidate."""
    space = trace(model, inputs)
    chosen = [space.smallest(), space.uniform(0.5), drawn(space, 0)]
    for candidate in dict.fromkeys(chosen):
        check(model, inputs, space, candidate, flops=flops)
    return space


def sizes(space: PruningSpace) -> dict[str, int]:
    """Size of every group by name."""
    return {group.name: group.size for group in space.groups}


def members(space: PruningSpace, name: str) -> set[str]:
    """Tensor axes of one group."""
    return {member for group in space.groups if group.name == name for member in group.members}


def reason(space: PruningSpace, axis: str = "a.weight[0]") -> str:
    """Why an axis keeps indices."""
    return {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}[axis]


def units(space: PruningSpace, tensor: str, axis: int) -> list[tuple[int, ...]]:
    """Units along one axis of a tensor, one tuple per factor."""
    (cut,) = [cut for cut in space.plan.cuts if (cut.tensor, cut.axis) == (tensor, axis)]
    return list(space.plan.labels[cut.labels].factors)


def attributes(space: PruningSpace) -> dict[tuple[str, str], int]:
    """Dense value of every attribute that follows what is kept."""
    return {(size.module, size.attribute): len(space.plan.labels[size.labels]) for size in space.plan.attributes}


def programs(space: PruningSpace) -> set[str]:
    """Modules that run a program."""
    return {program.module for program in space.plan.programs}


def image_net(middle: Any, reads: int = 8, **parts: Any) -> nn.Module:
    """``fc(mean(b(middle(a(x)))))``: convolution 3 -> 8, what is given, 1 x 1 convolution to 4, linear.

    Args:
        middle: A module, or a function of the network and of what ``a`` returns.
        reads: Channels that ``middle`` returns.
        parts: Further modules, parameters and buffers, by name.
    """
    own = {"a": nn.Conv2d(3, 8, 3, padding=1), "b": nn.Conv2d(reads, 4, 1), "fc": nn.Linear(4, 2)}
    if isinstance(middle, nn.Module):
        parts = {"middle": middle, **parts}
    step = (lambda s, h: s.middle(h)) if isinstance(middle, nn.Module) else middle
    return seeded(lambda s, x: s.fc(s.b(step(s, s.a(x))).mean((2, 3))), **{**own, **parts})


def token_net(middle: Any, reads: int = 8, **parts: Any) -> nn.Module:
    """``fc(middle(a(x)))`` of tokens: linear 6 -> 8, what is given, linear to 2."""
    own = {"a": nn.Linear(6, 8), "fc": nn.Linear(reads, 2)}
    if isinstance(middle, nn.Module):
        parts = {"middle": middle, **parts}
    step = (lambda s, h: s.middle(h)) if isinstance(middle, nn.Module) else middle
    return seeded(lambda s, x: s.fc(step(s, s.a(x))), **{**own, **parts})


def seeded(forward: Any, **parts: Any) -> nn.Module:
    """A network of a function, all of whose parameters are random (norms start as ones and zeros, which hides them)."""
    model = Function(forward, **parts)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
        for name, buffer in model.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 2.0, generator=generator)
    return model


IMAGE = numbers(2, 3, 8, 8)
TOKENS = numbers(2, 5, 6)
