"""The sequential refit: layer after layer in one forward pass, each just before it runs.

Its inputs are those of the already repaired prefix, so errors made upstream are compensated downstream as far as a
linear map can. A layer whose output is joined with a shortcut is solved for when the sum is made: its target is the
dense sum less what the shortcut of the smaller network carries, so that the shortcut's drift is made up for too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate
from cpruner.repair.refit.kept import kept
from cpruner.repair.refit.shrinkage import likeliest_ridge
from cpruner.repair.refit.static import StaticRefit
from cpruner.repair.refit.write import write
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Layer, Statistics, merged, moments, portions, refit
from cpruner.repair.watch import Listener, Trail, Use, watched

#: A scale of a batch norm below this share of the largest hides its input: no target for it can be inferred.
_SCALE = 1e-3


def sequential(
    small: nn.Module, candidate: Candidate, statistics: Statistics, static: StaticRefit, spec: Repair
) -> None:
    """Refit a candidate in place.

    Args:
        small: The smaller network.
        candidate: What it keeps.
        statistics: Of the dense network, gathered for a sequential pass.
        static: For layers that are called several times, or whose rows are fewer than those of the dense network.
        spec: Its ridges.
    """
    passing = _Pass(small, candidate, statistics, static, spec)
    for layer in statistics.layers.values():
        if not len(layer.at_M):
            static.layer(small, candidate, layer)
    with torch.no_grad(), watched(small, passing):
        small(statistics.entering)
    passing.end()


@dataclass(frozen=True)
class _Waiting:
    """A layer that has run and waits for its sum."""

    use: Use
    run: Callable[[], Tensor]
    version: int


@final
class _Pass(Listener):
    """The listener of one pass."""

    def __init__(
        self, small: nn.Module, candidate: Candidate, statistics: Statistics, static: StaticRefit, spec: Repair
    ) -> None:
        self._small, self._candidate, self._static, self._spec = small, candidate, static, spec
        self._layers = {name: layer for name, layer in statistics.layers.items() if len(layer.at_M)}
        self._kept = {name: kept(candidate, layer) for name, layer in self._layers.items()}
        self._waiting: dict[str, _Waiting] = {}

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """Refit a layer before it runs, unless it waits for its sum."""
        layer = self._layers.get(use.name)
        if layer is None:
            return run()
        if use.product.rows(use.entering) != layer.rows:  # a channel that is gone was a row of this layer
            self._static.layer(self._small, self._candidate, layer)
        elif layer.sum_GMO is None:
            self._solve(layer, use, self._kept[use.name].of(layer.target_GMO))
        else:
            self._waiting[use.name] = _Waiting(use, run, use.entering._version)
        return run()

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        """Solve for the layer that waits for this sum, and make the sum of what it says now."""
        for place, trail in enumerate(trails):
            waiting = None if trail is None else self._waiting.get(trail.name)
            if trail is None or waiting is None or waiting.use.entering._version != waiting.version:
                continue
            del self._waiting[trail.name]
            self._solve(self._layers[trail.name], waiting.use, self._aim(trail, waiting.use, operands[1 - place]))
            now = trail.follow(waiting.run())
            return run(operands[0], now) if place else run(operands[0].copy_(now), operands[1])
        return run(*operands)

    def end(self) -> None:
        """Layers whose sum never came in the same form as in the dense network."""
        for name in self._waiting:
            self._static.layer(self._small, self._candidate, self._layers[name])

    def _aim(self, trail: Trail, use: Use, shortcut: Tensor) -> Tensor:
        """What the product should put out, given what the shortcut carries."""
        layer, stay = self._layers[trail.name], self._kept[trail.name]
        assert layer.sum_GMO is not None  # noqa: S101 - it would not wait
        aim_GMO = stay.of(layer.sum_GMO) - use.product.outputs(trail.shaped(shortcut), layer.at_M)
        if trail.norm is not None:
            norm = self._small.get_submodule(trail.norm.rpartition(".")[0])
            aim_GMO = _before(norm, aim_GMO, self._usual(use, trail, stay.of(layer.target_GMO)))
        for added in self._added(use, trail):
            aim_GMO = aim_GMO - use.per_group(added).to(aim_GMO.dtype)
        return aim_GMO

    def _usual(self, use: Use, trail: Trail, target_GMO: Tensor) -> Tensor:
        """The dense output, with what is added to it."""
        return sum((use.per_group(added).to(target_GMO.dtype) for added in self._added(use, trail)), target_GMO)

    def _added(self, use: Use, trail: Trail) -> list[Tensor]:
        """What comes on top of the product of the smaller network."""
        later: list[Tensor] = [] if trail.bias is None else [self._small.get_parameter(trail.bias)]
        return later if use.added is None else [use.added, *later]

    def _solve(self, layer: Layer, use: Use, aim_GMO: Tensor) -> None:
        weight, stats = self._small.get_parameter(layer.weight).detach(), None
        size, read = portions(use.product.width(weight)), use.product.reader(use.entering, len(layer.at_M))
        for at, aim in zip(layer.at_M.split(size), aim_GMO.split(size, 1), strict=True):
            stats = merged(stats, moments(read(at), aim))
        assert stats is not None  # noqa: S101 - a layer has rows
        prior = use.product.matrix(weight).to(stats.A_GDD.dtype)
        ridge_G = likeliest_ridge(
            stats, self._spec.damping, prior, intercept=layer.takes_offset, updates=self._spec.updates
        )
        write(self._small, layer, *refit(stats, damping=ridge_G, prior=prior, intercept=layer.takes_offset))


def _before(norm: nn.Module, after_GMO: Tensor, otherwise_GMO: Tensor) -> Tensor:
    """Undo a batch norm in eval mode; where its scale is next to nothing, take something else."""

    def per_group(values: object) -> Tensor:
        assert isinstance(values, Tensor)  # noqa: S101 - it was seen to have statistics, and a shift with its scale
        return values.detach().to(after_GMO.dtype).view(len(after_GMO), 1, -1)

    scale_GO = per_group(norm.running_var).add(norm.eps).rsqrt()  # type: ignore[arg-type]
    shift_GO = torch.zeros_like(scale_GO)
    if isinstance(norm.weight, Tensor):
        scale_GO, shift_GO = scale_GO * per_group(norm.weight), per_group(norm.bias)
    clear = scale_GO.abs() > _SCALE * scale_GO.abs().max()
    before = (after_GMO - shift_GO) / torch.where(clear, scale_GO, 1) + per_group(norm.running_mean)
    return torch.where(clear, before, otherwise_GMO)
