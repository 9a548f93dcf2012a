"""Refit a cut network: statically on dense moments, or sequentially through the already repaired prefix."""

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate
from cpruner.repair.layer import expand_taps, input_rows
from cpruner.repair.moment import Moments, moments, refit
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Layer, Statistics
from cpruner.space import evaluating


def static(small: nn.Module, candidate: Candidate, statistics: Statistics, spec: Repair) -> None:
    """Refit every layer that lost inputs from the dense network's moments; costs one small solve per layer."""
    for path, layer in statistics.layers.items():
        module = small.get_submodule(path)
        inputs, outputs = _kept(candidate, path, module)
        if inputs is not None:
            columns = layer.dense.B_DO if outputs is None else layer.dense.B_DO[:, outputs]
            mean_O = layer.dense.mean_O if outputs is None else layer.dense.mean_O[outputs]
            stats = Moments(layer.dense.mean_D, mean_O, layer.dense.A_DD, columns, layer.dense.rows)
            _repair(small, path, statistics, stats, expand_taps(inputs, module), spec.damping)


def sequential(small: nn.Module, candidate: Candidate, statistics: Statistics, spec: Repair) -> None:
    """Refit every layer to the dense output just before it runs, in one forward pass over the images.

    Its inputs are those of the already repaired prefix, so errors made upstream are compensated downstream as far as
    a linear map can.
    """
    paths = {id(small.get_submodule(path)): path for path in statistics.layers}

    def repair(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        path = paths[id(module)]
        layer: Layer = statistics.layers[path]
        _, outputs = _kept(candidate, path, module)
        target = layer.output_MO if outputs is None else layer.output_MO[:, outputs]
        stats = moments(input_rows(module, args[0], layer.at), target)
        _repair(small, path, statistics, stats, torch.arange(len(stats.mean_D), device=target.device), spec.damping)

    handles = [small.get_submodule(path).register_forward_pre_hook(repair) for path in statistics.layers]
    try:
        with evaluating(small), torch.no_grad():
            small(statistics.images)
    finally:
        for handle in handles:
            handle.remove()


def _kept(candidate: Candidate, path: str, module: nn.Module) -> tuple[Tensor | None, Tensor | None]:
    """Kept input and output channels of a layer; None where nothing is cut."""
    found: dict[int, Tensor] = {}
    for cut in candidate.plan.cuts_of.get(f"{path}.weight", ()):
        if cut.axis in (0, 1):
            indices = candidate.indices(cut.labels)
            if len(indices) < len(candidate.plan.labels[cut.labels]):
                found[cut.axis] = torch.from_numpy(indices).to(next(module.parameters()).device)
    return found.get(1), found.get(0)


def _repair(small: nn.Module, path: str, statistics: Statistics, stats: Moments, kept: Tensor, damping: float) -> None:
    """Solve for one layer and store the weights.

    The intercept goes to the bias, or into the running mean of the batch norm that follows. A layer with neither gets
    the best weights without: no parameter is ever added, so the counts stay those of the plan.
    """
    module = small.get_submodule(path)
    weight: Tensor = module.weight  # type: ignore[assignment]
    bias: Tensor | None = module.bias  # type: ignore[assignment]
    follower = statistics.normalised_by.get(path)
    prior = weight.detach().flatten(1).T.to(stats.A_DD.dtype)
    new, offset = refit(stats, kept, damping, prior=prior, intercept=bias is not None or follower is not None)
    if not bool(torch.isfinite(new).all()):
        return
    with torch.no_grad():
        weight.copy_(new.T.reshape(weight.shape))
        if bias is not None:
            bias.copy_(offset)
        elif follower is not None:
            mean: Tensor = small.get_submodule(follower).running_mean  # type: ignore[assignment]
            mean.sub_(offset.to(mean.dtype))
