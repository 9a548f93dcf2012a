"""The sequential refit: layer after layer in one forward pass, each just before it runs.

Its inputs are those of the already repaired prefix, so errors made upstream are compensated downstream as far as a
linear map can. A layer whose output is joined with a shortcut is solved for when the sum is made: its target is the
dense sum less what the shortcut of the smaller network carries, so that the shortcut's drift is made up for too.
"""

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate
from cpruner.repair.kept import kept
from cpruner.repair.layer import Layer
from cpruner.repair.moment import CHUNK, Moments, merged, moments, refit
from cpruner.repair.static import StaticRefit
from cpruner.repair.statistics import Statistics
from cpruner.repair.watch import Trail, Use, watched
from cpruner.repair.write import write

#: A scale of a batch norm below this share of the largest hides its input: no target for it can be inferred.
_SCALE = 1e-3


def sequential(
    small: nn.Module, candidate: Candidate, statistics: Statistics, static: StaticRefit, damping: float
) -> None:
    """Refit a candidate in place.

    Args:
        small: The smaller network.
        candidate: What it keeps.
        statistics: Of the dense network, gathered for a sequential pass.
        static: For layers that are called several times.
        damping: Relative ridge.
    """
    listener = _Pass(small, candidate, statistics, damping)
    for layer in statistics.layers.values():
        if not len(layer.at_M):
            static.layer(small, candidate, layer)
    with torch.no_grad(), watched(small, listener):
        small(statistics.entering)


@final
class _Pass:
    """The listener of one pass."""

    def __init__(self, small: nn.Module, candidate: Candidate, statistics: Statistics, damping: float) -> None:
        self._small, self._damping = small, damping
        self._layers = {name: layer for name, layer in statistics.layers.items() if len(layer.at_M)}
        self._kept = {name: kept(candidate, layer) for name, layer in self._layers.items()}
        self._waiting: dict[str, tuple[Use, Callable[[], Tensor]]] = {}

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """Refit a layer before it runs, unless it waits for its sum."""
        layer, stay = self._layers.get(use.name), self._kept.get(use.name)
        if layer is None or stay is None or layer.fused != (use.bias is not None):
            return run()
        if layer.sum_GMO is None:
            self._solve(layer, use, stay.of(layer.target_GMO))
        else:
            self._waiting[use.name] = (use, run)
        return run()

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        """Solve for the layer that waits for this sum, and make the sum of what it says now."""
        for place, trail in enumerate(trails):
            if trail is None or trail.name not in self._waiting:
                continue
            use, again = self._waiting.pop(trail.name)
            self._solve(self._layers[trail.name], use, self._aim(trail, operands[1 - place]))
            now = trail.follow(again())
            return run(operands[0], now) if place else run(operands[0].copy_(now), operands[1])
        return run(*operands)

    def follow(self, trail: Trail) -> None:
        """Known from the dense network."""

    def branch(self, trail: Trail) -> None:
        """Known from the dense network."""

    def _aim(self, trail: Trail, shortcut: Tensor) -> Tensor:
        """What the product should put out, given what the shortcut carries."""
        layer = self._layers[trail.name]
        stay = self._kept[trail.name]
        assert stay is not None  # noqa: S101 - it would not wait
        assert layer.sum_GMO is not None  # noqa: S101
        carried_GMO = layer.product.outputs(trail.shaped(shortcut), layer.at_M)
        aim_GMO = stay.of(layer.sum_GMO) - carried_GMO
        if trail.norm is not None:
            aim_GMO = _before(self._small.get_submodule(layer.norm or ""), aim_GMO, stay.of(layer.target_GMO))
        if layer.bias is not None and not layer.fused:
            bias = self._small.get_parameter(layer.bias).detach()
            aim_GMO = aim_GMO - bias.view(len(aim_GMO), 1, -1)
        return aim_GMO

    def _solve(self, layer: Layer, use: Use, aim_GMO: Tensor) -> None:
        stats: Moments | None = None
        for at, aim in zip(layer.at_M.split(8 * CHUNK), aim_GMO.split(8 * CHUNK, 1), strict=True):
            stats = merged(stats, moments(use.product.inputs(use.entering, at), aim))
        assert stats is not None  # noqa: S101 - a layer has rows
        prior = layer.product.matrix(self._small.get_parameter(layer.weight).detach()).to(stats.A_GDD.dtype)
        rows = torch.arange(stats.mean_GD.shape[1], device=prior.device)
        write(self._small, layer, *refit(stats, rows, self._damping, prior=prior, intercept=layer.takes_offset))


def _before(norm: nn.Module, after_GMO: Tensor, otherwise_GMO: Tensor) -> Tensor:
    """Undo a batch norm in eval mode; where its scale is next to nothing, take something else."""
    mean, variance = norm.running_mean, norm.running_var
    assert isinstance(mean, Tensor)  # noqa: S101 - it was seen to have both
    assert isinstance(variance, Tensor)  # noqa: S101
    groups = len(after_GMO)
    scale_GO = variance.add(norm.eps).rsqrt().view(groups, 1, -1)  # type: ignore[arg-type]
    shift_GO = torch.zeros_like(scale_GO)
    if isinstance(norm.weight, Tensor):
        scale_GO = scale_GO * _values(norm.weight).view(groups, 1, -1)
        shift_GO = _values(norm.bias).view(groups, 1, -1)
    clear = scale_GO.abs() > _SCALE * scale_GO.abs().max()
    before = (after_GMO - shift_GO) / torch.where(clear, scale_GO, 1) + mean.view(groups, 1, -1)
    return torch.where(clear, before, otherwise_GMO)


def _values(parameter: object) -> Tensor:
    assert isinstance(parameter, Tensor)  # noqa: S101 - a norm with a scale has a shift
    return parameter.detach()
