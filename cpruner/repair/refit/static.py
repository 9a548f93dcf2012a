"""The static refit: every layer that lost inputs is solved for on the dense network's moments.

Candidates keep the best-ranked channels of every group, so along the ranking what a layer keeps is a prefix, and the
Cholesky factor of a leading block is the leading block of the factor. What can be made of it is made once per layer
(see ``Prefix``); a candidate costs one product of two matrices.
"""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate, Plan
from cpruner.repair.refit.kept import Kept, kept
from cpruner.repair.refit.prefix import Prefix
from cpruner.repair.refit.shrinkage import relative_ridge
from cpruner.repair.refit.write import write
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Layer, factor, refit, ridge
from cpruner.space import Ranking


@final
class StaticRefit:
    """Refits candidates of one network; what can be factored is factored at the first use.

    Args:
        model: The dense network.
        layers: Its layers.
        plan: The plan of the candidates.
        ranking: The order in which groups lose their channels.
        spec: Its ridges.
    """

    def __init__(self, model: nn.Module, layers: Sequence[Layer], plan: Plan, ranking: Ranking, spec: Repair) -> None:
        self._model, self._layers, self._plan, self._spec = model, list(layers), plan, spec
        self._place = {
            int(plan.offsets[group]) + unit: place
            for group, order in enumerate(ranking)
            for place, unit in enumerate(order)
        }
        self._prefixes: dict[str, Prefix | None] = {}

    def __call__(self, small: nn.Module, candidate: Candidate) -> None:
        """Refit a candidate in place."""
        for layer in self._layers:
            self.layer(small, candidate, layer)

    def layer(self, small: nn.Module, candidate: Candidate, layer: Layer) -> None:
        """Refit one layer, if it lost inputs."""
        stay = kept(candidate, layer)
        if stay.channels is None:
            return
        weight_SO = None
        if (prefix := self._prefix(layer)) is not None:
            weight_SO = prefix.solve(stay.rows, stay.outputs_GO[0])
        if weight_SO is None:
            write(small, layer, *self._anew(small, layer, stay))
            return
        offset_O = layer.dense.mean_GO[0, stay.outputs_GO[0]]
        offset_O = offset_O - layer.dense.mean_GD[0, stay.rows] @ weight_SO.double()
        write(small, layer, weight_SO[None], offset_O if layer.takes_offset else torch.zeros_like(offset_O))

    def _anew(self, small: nn.Module, layer: Layer, stay: Kept) -> tuple[Tensor, Tensor]:
        stats = stay.moments(layer.dense)
        prior = stay.product.matrix(small.get_parameter(layer.weight).detach()).to(stats.A_GDD.dtype)
        return refit(stats, stay.rows, self._relative(layer), prior=prior, intercept=layer.takes_offset)

    def _relative(self, layer: Layer) -> float:
        """Of all inputs, whatever is kept: one factor serves every candidate."""
        return relative_ridge(layer.dense, self._spec.damping, self._spec.shrinkage)

    def _prefix(self, layer: Layer) -> Prefix | None:
        if layer.weight not in self._prefixes:
            self._prefixes[layer.weight] = self._factored(layer)
        return self._prefixes[layer.weight]

    def _factored(self, layer: Layer) -> Prefix | None:
        """Factor a layer; not if it has several groups, or reads channels of several rankings."""
        cuts = [c for c in self._plan.cuts_of.get(layer.weight, ()) if c.axis == layer.product.axes[1]]
        if layer.product.groups > 1 or not cuts:
            return None
        labels = self._plan.labels[cuts[0].labels]
        if len(labels.factors) > 1 or len(self._plan.groups_of[cuts[0].labels]) > 1:
            return None
        channel_place = torch.tensor([self._place.get(unit, -1) for unit in labels.factors[0]])
        order = torch.argsort(channel_place, stable=True).to(layer.dense.mean_GD.device)
        rows_D = layer.product.taps_of(order)
        used = layer.dense if layer.takes_offset else layer.dense.uncentred()
        dense_DO = layer.product.matrix(self._model.get_parameter(layer.weight).detach())[0]
        lower, ridge_G = factor(used.A_GDD[:, rows_D][:, :, rows_D], ridge(used.A_GDD, self._relative(layer)))
        right_DO = used.B_GDO[0, rows_D] + ridge_G * dense_DO[rows_D].double()
        precision = torch.promote_types(dense_DO.dtype, torch.float32)
        return Prefix.of(rows_D, lower[0], right_DO, precision)
