import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.repair import Repair, gather
from cpruner.repair.refit import sequential, static
from cpruner.space import Candidate, trace
from cpruner.testing.nets import NETS, randomise

NET = {net.name: net for net in NETS}
X = torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BATCHES = [(X, torch.zeros(40))]
REFITS = (static, sequential)
Refit = Callable[..., None]


def repaired(model: nn.Module, kept: Any, refit: Refit, **options: Any) -> nn.Module:
    spec = Repair(**{"images": 40, "positions": 36, "damping": 1e-12, **options})
    space = trace(model, X[:1])
    candidate = Candidate(kept, space.plan) if isinstance(kept, tuple) else space.uniform(kept)
    small = materialise(model, candidate)
    refit(small, candidate, gather(model, BATCHES, spec), spec)
    return small


def outputs(network: nn.Module) -> Tensor:
    with torch.no_grad():
        return network(X)


def error(network: nn.Module, dense: nn.Module) -> float:
    return float((outputs(network) - outputs(dense)).square().mean() / outputs(dense).var())


def net(*, bias: bool, norm: bool) -> nn.Module:
    """conv 3 -> 6, relu, conv 6 -> 5, batch norm or not, relu, mean, linear."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3, bias=bias)]
        parts += [nn.BatchNorm2d(5)] if norm else []
        model = nn.Sequential(*parts, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).double().eval()
    if norm:
        randomise(model[3], torch.Generator().manual_seed(1))
    return model


def make_redundant(conv: nn.Conv2d, *, constant: bool) -> None:
    """Channels 3 to 5 become positive multiples of channels 0 to 2, or constants: linear in them through a relu."""
    with torch.no_grad():
        factor = torch.tensor([0.0, 0.0, 0.0] if constant else [2.0, 0.5, 3.0]).double()
        conv.weight[3:] = conv.weight[:3] * factor[:, None, None, None]
        conv.bias[3:] = torch.tensor([1.0, 2.0, 3.0]) if constant else conv.bias[:3] * factor


@pytest.mark.parametrize("refit", REFITS)
@pytest.mark.parametrize(("bias", "norm"), [(True, False), (True, True), (False, True), (False, False)])
@pytest.mark.parametrize("constant", [False, True])
def test_what_is_linear_in_the_kept_channels_is_no_loss(refit: Refit, bias: bool, norm: bool, constant: bool) -> None:
    """A constant needs an intercept: the bias, or the batch norm that follows, takes it; with neither it is lost."""
    model = net(bias=bias, norm=norm)
    make_redundant(model[0], constant=constant)
    small = repaired(model, ((0, 1, 2), (0, 1, 2, 3, 4)), refit)
    assert small[2].weight.shape == (5, 3, 3, 3)
    if constant and not (bias or norm):
        assert error(small, model) > 1e-6
    else:
        assert torch.allclose(outputs(small), outputs(model), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("refit", REFITS)
def test_the_intercept_goes_into_the_batch_norm_that_follows(refit: Refit) -> None:
    model = net(bias=False, norm=True)
    make_redundant(model[0], constant=True)
    small = repaired(model, ((0, 1, 2), (0, 2, 4)), refit)
    constant = (model[2].weight[[0, 2, 4], 3:] * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)).sum((1, 2, 3))
    assert torch.allclose(small[3].running_mean, model[3].running_mean[[0, 2, 4]] - constant, atol=1e-6)
    assert torch.equal(small[3].running_var, model[3].running_var[[0, 2, 4]])
    assert torch.equal(small[3].weight, model[3].weight[[0, 2, 4]])


def test_a_layer_without_place_for_an_intercept_gets_the_best_weights_without() -> None:
    model = net(bias=False, norm=False)
    small = repaired(model, ((0, 2, 4), (0, 1, 2, 3, 4)), static)
    with torch.no_grad():
        hidden, target = model[1](model[0](X)), model[2](model[1](model[0](X)))
        best = (target - small[2](hidden[:, [0, 2, 4]])).square().sum()
        for sign in (-1, 1):
            other = copy.deepcopy(small[2])
            other.weight.mul_(1 + sign * 1e-3)
            assert (target - other(hidden[:, [0, 2, 4]])).square().sum() > best


@pytest.mark.parametrize("refit", REFITS)
@pytest.mark.parametrize("name", ["residual", "dense block", "grouped", "depthwise", "option A in a module"])
def test_a_refit_is_better_than_the_cut_network_and_changes_no_count(refit: Refit, name: str) -> None:
    model = NET[name].build()
    space = trace(model, X[:1])
    cut, small = materialise(model, space.uniform(0.6)), repaired(model, 0.6, refit, damping=1e-6)
    assert [tuple(p.shape) for p in small.parameters()] == [tuple(p.shape) for p in cut.parameters()]
    assert small.state_dict().keys() == cut.state_dict().keys()
    assert error(small, model) < error(cut, model)


@pytest.mark.parametrize("refit", REFITS)
@pytest.mark.parametrize("name", ["residual", "dense block", "grouped", "channel shuffle", "flatten"])
def test_with_nothing_removed_nothing_changes(refit: Refit, name: str) -> None:
    model = NET[name].build()
    small = repaired(model, 1.0, refit, damping=1e-2)
    assert torch.allclose(outputs(small), outputs(model), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ratio", [0.4, 0.6, 0.8])
@pytest.mark.parametrize("name", ["residual", "grouped", "depthwise"])
def test_sequential_is_no_worse_than_static(name: str, ratio: float) -> None:
    model = NET[name].build()
    one, other = (repaired(model, ratio, refit, damping=1e-8, positions=64) for refit in (static, sequential))
    assert error(other, model) <= error(one, model) * (1 + 1e-6)


def test_sequential_fits_the_last_layer_to_the_dense_output() -> None:
    """Its rows are all outputs of the network, so the result is the least-squares fit on the repaired features."""
    model = NET["residual"].build()
    small = repaired(model, 0.5, sequential)
    with torch.no_grad():
        features = small[:-1](X)
    design = torch.cat([features, torch.ones(40, 1, dtype=torch.float64)], 1)
    expected = design @ torch.linalg.lstsq(design, outputs(model)).solution
    assert torch.allclose(outputs(small), expected, atol=1e-5)


def test_static_only_touches_layers_that_lost_inputs() -> None:
    model = NET["residual"].build()
    small = repaired(model, (tuple(range(8)), (0, 1)), static)
    assert torch.equal(small.stem.weight, model.stem.weight)
    assert torch.equal(small.head.weight, model.head.weight)
    assert torch.equal(small.sum.branches.inner.a.weight, model.sum.branches.inner.a.weight[[0, 1]])
    assert not torch.equal(small.sum.branches.inner.b.weight, model.sum.branches.inner.b.weight[:, [0, 1]])


@pytest.mark.parametrize("refit", REFITS)
def test_a_layer_that_runs_twice_is_left_as_cut(refit: Refit) -> None:
    model = NET["shared module"].build()
    small = repaired(model, ((0, 2, 5),), refit)
    assert torch.equal(small.loop.weight, model.loop.weight[[0, 2, 5]][:, [0, 2, 5]])
    assert not torch.equal(small.head.weight, model.head.weight[:, [0, 2, 5]])


@pytest.mark.parametrize("refit", REFITS)
def test_numbers_that_are_none_leave_the_layer_as_cut(refit: Refit) -> None:
    model = net(bias=True, norm=False)
    spec = Repair(images=4)
    statistics = gather(model, [(X[:4] * torch.nan, None)], spec)
    space = trace(model, X[:1])
    small, cut = materialise(model, space.uniform(0.5)), materialise(model, space.uniform(0.5))
    refit(small, space.uniform(0.5), statistics, spec)
    assert all(torch.equal(a, b) for a, b in zip(small.parameters(), cut.parameters(), strict=True))


def test_hooks_go_when_the_forward_pass_fails() -> None:
    model = Function(lambda s, x: s.fc(s.a(x).mean((2, 3)).relu()), a=nn.Conv2d(3, 6, 3), fc=nn.Linear(6, 2))
    spec = Repair(images=40)
    statistics, space = gather(model, BATCHES, spec), trace(model, X[:1])
    small = materialise(model, space.uniform(0.5))
    small.function = lambda s, x: s.a(x[:, :2])
    with pytest.raises(RuntimeError):
        sequential(small, space.uniform(0.5), statistics, spec)
    assert not any(module._forward_pre_hooks for module in small.modules())


def test_modes_and_random_state_are_kept() -> None:
    model = net(bias=True, norm=True)
    spec = Repair(images=40)
    statistics, space = gather(model, BATCHES, spec), trace(model, X[:1])
    small = materialise(model, space.uniform(0.5)).train()
    before = torch.get_rng_state()
    sequential(small, space.uniform(0.5), statistics, spec)
    assert all(module.training for module in small.modules())
    assert torch.equal(before, torch.get_rng_state())
