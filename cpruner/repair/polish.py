"""A short gradient-based polish of a repaired network: distillation from the dense one, layer-wise and by logits.

What the closed-form refit cannot reach (kernels upstream that nobody solved for, norms' scales) moves a little: a few
hundred steps of Adam (Kingma and Ba 2015) on unlabelled training images. The loss is the divergence of the class
distributions from the dense network's (Hinton et al. 2015, equation 4) plus the relative squared error of joined
outputs (the residual stream) where they are as wide as in the dense network. A step is relative to the size of what
it changes (Adafactor, Shazeer and Stern 2018, section 8): one rate then suits wide and narrow layers.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.spec import check, option

#: Tensors of smaller numbers are stepped as if they had these.
_LEAST = 1e-3
_RISE = 10  # this part of the steps raises the rate


@dataclass(frozen=True)
class Polish:
    """Options of the polish."""

    steps: int = option(0, "gradient steps after the search; 0 leaves the refit as it is", low=0)
    lr: float = option(
        3e-3,
        "highest step of Adam, relative to the root mean square of each tensor; risen to in a tenth of them",
        low=0.0,
    )
    temperature: float = option(2.0, "temperature that softens both class distributions", low=0.01)
    layers: float = option(1.0, "weight of the error of the modules both networks have in common", low=0.0)

    def __post_init__(self) -> None:
        check(self)


def polish(
    small: nn.Module,
    dense: nn.Module,
    batches: Iterable[tuple[Tensor, Any]],
    spec: Polish,
    *,
    progress: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """Take gradient steps; batch norms keep their running statistics, no label is looked at.

    If the loss on the first batch is no lower in the end, the network comes back as it was.

    Args:
        small: The repaired network, in eval mode; changed in place and returned.
        dense: The network it came from; untouched.
        batches: Training images, gone through as often as needed.
        spec: Options.
        progress: Called after every step with its number and loss.

    Raises:
        InputError: There is no batch, or the loss is not finite: the network is then as it was.
    """
    if spec.steps == 0:
        return small
    before = {name: value.clone() for name, value in small.state_dict().items() if isinstance(value, Tensor)}
    learnt = [parameter for parameter in small.parameters() if parameter.is_floating_point()]
    sizes = [max(_LEAST, float(parameter.detach().square().mean().sqrt())) for parameter in learnt]
    optimizer = torch.optim.Adam([{"params": [parameter]} for parameter in learnt])
    device = next(small.parameters()).device
    first = (torch.empty(0), math.inf)  # inputs and loss
    small.eval()
    with _common(small, dense) as outputs, torch.enable_grad():
        for step, inputs in enumerate(itertools.islice(_endless(batches), spec.steps)):
            for group, size in zip(optimizer.param_groups, sizes, strict=True):
                group["lr"] = size * spec.lr * _share(step, spec.steps)
            shown = inputs.to(device)
            loss = _loss(small, dense, shown, outputs, spec)
            first = (shown, float(loss.detach())) if step == 0 else first
            if not bool(torch.isfinite(loss)):
                small.load_state_dict(before, strict=False)
                remedy = "Lower polish.lr; the network is as it was before the polish."
                raise InputError(
                    "polish", expected="a finite loss", got=f"{float(loss.detach())} at step {step}", remedy=remedy
                )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            if progress is not None:
                progress(step + 1, float(loss.detach()))
        with torch.no_grad():
            if not float(_loss(small, dense, first[0], outputs, spec)) < first[1]:
                small.load_state_dict(before, strict=False)
    optimizer.zero_grad()
    return small


def _share(step: int, steps: int) -> float:
    """Of the highest rate: a straight rise, times half a cosine down to 0."""
    return min(1.0, (step + 1) / max(1, steps // _RISE)) * (1 + math.cos(math.pi * step / steps)) / 2


def _loss(
    small: nn.Module, dense: nn.Module, inputs: Tensor, outputs: tuple[list[Tensor], list[Tensor]], spec: Polish
) -> Tensor:
    for found in outputs:
        found.clear()
    with torch.no_grad():
        wanted_NK = dense(inputs).float() / spec.temperature
    given_NK = small(inputs).float() / spec.temperature
    loss = spec.temperature**2 * functional.kl_div(
        given_NK.log_softmax(1), wanted_NK.log_softmax(1), reduction="batchmean", log_target=True
    )
    ours, theirs = outputs
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a.shape == b.shape]
    if pairs and spec.layers > 0:
        errors = [functional.mse_loss(a.float(), b.float()) / b.float().var().clamp_min(1e-12) for a, b in pairs]
        loss = loss + spec.layers * torch.stack(errors).mean()
    return loss


@contextmanager
def _common(small: nn.Module, dense: nn.Module) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Outputs of the blocks (modules with modules inside, one level above the layers) of both networks."""
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    handles = []
    for network, outputs in zip((small, dense), found, strict=True):

        def note(_module: nn.Module, _inputs: Any, output: Any, outputs: list[Tensor] = outputs) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                outputs.append(output)

        blocks = [module for path, module in network.named_modules() if path and any(True for _ in module.children())]
        handles += [block.register_forward_hook(note) for block in blocks]
    modes = [(module, module.training) for module in dense.modules()]
    dense.eval()
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training


def _endless(batches: Iterable[tuple[Tensor, Any]]) -> Iterator[Tensor]:
    while True:
        empty = True
        for inputs, _ in batches:
            empty = False
            yield inputs
        if empty:
            raise InputError(
                "train", expected="at least one batch of (inputs, labels)", got="none", remedy="Check the loader."
            )
