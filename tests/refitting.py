"""Networks, images and short ways to refit candidates of theirs."""

from typing import Any

import torch
from torch import Tensor, nn

from cpruner.repair import Repair, Repairer, Statistics, gather
from cpruner.repair.refit.sequential import sequential
from cpruner.repair.refit.static import StaticRefit
from cpruner.repair.statistics.layer import Layer
from cpruner.space import Candidate, PruningSpace, trace
from cpruner.testing.nets import NETS, randomise

NET = {net.name: net for net in NETS}
X = torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
EXACT = {"damping": 1e-12, "shrinkage": 0.0, "updates": 0}


def images(name: str, count: int = 40) -> Tensor:
    """Random float64 inputs of one of the networks."""
    (shape,) = NET[name].shapes
    return torch.randn(count, *shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def gathered(model: nn.Module, x: Tensor = X, **options: Any) -> Statistics:
    """Statistics of all images, by default at every position."""
    return gather(model, [(x, None)], Repair(**{"images": len(x), "positions": 64, **options}))


def layer_of(model: nn.Module, weight: str, x: Tensor = X, **options: Any) -> Layer:
    """One layer of the statistics."""
    return gathered(model, x, **options).layers[weight]


def chosen(space: PruningSpace, kept: Any) -> Candidate:
    """A candidate by its kept channels, or by one ratio."""
    return Candidate(kept, space.plan) if isinstance(kept, tuple) else space.uniform(kept)


def refitted(model: nn.Module, kept: Any, mode: str, x: Tensor = X, **options: Any) -> nn.Module:
    """A repaired candidate, without any ridge unless said otherwise."""
    spec = Repair(**{"images": len(x), "positions": 64, **EXACT, **options})
    space = trace(model, x[:1])
    return Repairer(model, space, gather(model, [(x, None)], spec), spec)(chosen(space, kept), mode)


def outputs(network: nn.Module, x: Tensor = X) -> Tensor:
    """What it says."""
    with torch.no_grad():
        found: Tensor = network(x)
    return found


def error(network: nn.Module, dense: nn.Module, x: Tensor = X) -> float:
    """Mean squared error, as a share of the variance."""
    return float((outputs(network, x) - outputs(dense, x)).square().mean() / outputs(dense, x).var())


def plain(*, bias: bool, norm: bool) -> nn.Module:
    """conv 3 -> 6, relu, conv 6 -> 5, batch norm or not, relu, mean, linear."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        parts = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3, bias=bias)]
        parts += [nn.BatchNorm2d(5)] if norm else []
        model = nn.Sequential(*parts, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).double().eval()
    if norm:
        randomise(model[3], torch.Generator().manual_seed(1))
    return model


def make_redundant(conv: nn.Conv2d, *, constant: bool = False) -> None:
    """Channels 3 to 5 become positive multiples of channels 0 to 2, or constants: linear in them through a relu."""
    with torch.no_grad():
        factor = torch.tensor([0.0, 0.0, 0.0] if constant else [2.0, 0.5, 3.0]).double()
        conv.weight[3:] = conv.weight[:3] * factor[:, None, None, None]
        conv.bias[3:] = torch.tensor([1.0, 2.0, 3.0]) if constant else conv.bias[:3] * factor


def passed(small: nn.Module, candidate: Candidate, statistics: Statistics, model: nn.Module) -> None:
    """One sequential pass, with next to no ridge."""
    space = trace(model, X[:1])
    layers = list(statistics.layers.values())
    spec = Repair(damping=1e-9)
    sequential(small, candidate, statistics, StaticRefit(model, layers, space.plan, space.ranking, spec), spec)
