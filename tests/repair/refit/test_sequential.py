from typing import Any

import pytest
import torch
from few import few
from function import Function
from refitting import NET, X, chosen, error, gathered, images, make_redundant, outputs, passed, plain, refitted
from torch import nn

from cpruner.candidate import materialise
from cpruner.repair import Repair, Repairer
from cpruner.space import trace

#: Networks of one input, as the statistics are made of.
NAMES = [name for name, net in NET.items() if len(net.shapes) == 1]


@pytest.mark.parametrize(("bias", "norm"), [(True, False), (True, True), (False, True), (False, False)])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("options", [{}, {"updates": 3, "damping": 1e-9}])
def test_what_is_linear_in_the_kept_channels_is_no_loss(bias: bool, norm: bool, constant: bool, options: Any) -> None:
    """A constant needs an intercept: the bias, or the batch norm that follows, takes it; with neither it is lost."""
    model = plain(bias=bias, norm=norm)
    make_redundant(model[0], constant=constant)
    small = refitted(model, ((0, 1, 2), (0, 1, 2, 3, 4)), "sequential", **options)
    if constant and not (bias or norm):
        assert error(small, model) > 1e-6
    else:
        assert torch.allclose(outputs(small), outputs(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", few(NAMES))
def test_with_nothing_removed_outputs_change_by_no_more_than_the_ridge(name: str) -> None:
    """Nothing is to be made up for, so the weights as cut are the solution whatever the ridge is."""
    model, x = NET[name].build(), images(name, 12)
    small = refitted(model, 1.0, "sequential", x, damping=1e-4, updates=3)
    assert torch.allclose(outputs(small, x), outputs(model, x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", few(NAMES))
def test_it_is_better_than_the_cut_network_and_changes_no_count(name: str) -> None:
    model, x = NET[name].build(), images(name)
    cut = materialise(model, trace(model, x[:1]).uniform(0.6))
    small = refitted(model, 0.6, "sequential", x, damping=1e-6, updates=3)
    assert [tuple(p.shape) for p in small.parameters()] == [tuple(p.shape) for p in cut.parameters()]
    assert small.state_dict().keys() == cut.state_dict().keys()
    assert error(small, model, x) <= error(cut, model, x) + 1e-20


@pytest.mark.parametrize("ratio", [0.4, 0.6, 0.8])
@pytest.mark.parametrize(
    "name", ["residual", "grouped", "depthwise", "dense block", "encoder layer", "torch's attention"]
)
def test_it_is_no_worse_than_static_on_its_own_images(name: str, ratio: float) -> None:
    model, x = NET[name].build(), images(name)
    one, other = (refitted(model, ratio, mode, x, damping=1e-8) for mode in ("static", "sequential"))
    assert error(other, model, x) <= error(one, model, x) * (1 + 1e-6)


def test_the_last_layer_is_fitted_to_the_dense_output() -> None:
    """Its rows are all outputs of the network, so the result is the least-squares fit on the repaired features."""
    model = NET["residual"].build()
    small = refitted(model, 0.5, "sequential")
    with torch.no_grad():
        features = small[:-1](X)
    design = torch.cat([features, torch.ones(40, 1, dtype=torch.float64)], 1)
    expected = design @ torch.linalg.lstsq(design, outputs(model)).solution
    assert torch.allclose(outputs(small), expected, atol=1e-5)


def test_a_layer_that_is_called_twice_is_refitted_statically() -> None:
    model = NET["shared module"].build()
    small, static = (refitted(model, ((0, 2, 5),), mode) for mode in ("sequential", "static"))
    assert torch.equal(small.loop.weight, static.loop.weight)
    assert torch.equal(small.loop.bias, static.loop.bias)
    assert not torch.equal(small.head.weight, static.head.weight)


def test_rows_that_go_with_a_channel_are_no_obstacle() -> None:
    """A mixer's layers along the tokens have a row per channel; with channels gone they are refitted statically."""
    model, x = NET["mixer"].build(), images("mixer")
    small, static = (refitted(model, 0.6, mode, x) for mode in ("sequential", "static"))
    for name in ("block.along.0.weight", "block.along.2.weight"):
        assert torch.equal(small.get_parameter(name), static.get_parameter(name))
    assert error(small, model, x) < error(static, model, x)


def test_depthwise_convolutions_are_refitted_too() -> None:
    """One regression per channel; what a sigmoid does to a drifted input they can make up for in part."""
    model = Function(
        lambda s, x: s.head(s.point(s.deep(s.mid(s.stem(x).sigmoid()).sigmoid())).mean((2, 3))),
        stem=nn.Conv2d(3, 6, 1), mid=nn.Conv2d(6, 6, 1), deep=nn.Conv2d(6, 6, 3, padding=1, groups=6),
        point=nn.Conv2d(6, 4, 1), head=nn.Linear(4, 2),
    )  # fmt: skip
    with torch.no_grad():
        model.stem.weight.mul_(5)
        model.mid.weight.mul_(5)
    candidate = chosen(trace(model, X[:1]), ((0, 1, 2), (1, 3, 4), (0, 1, 2, 3)))
    statistics = gathered(model)
    with_deep, without = (materialise(model, candidate) for _ in range(2))
    passed(with_deep, candidate, statistics, model)
    statistics.layers.pop("deep.weight")
    passed(without, candidate, statistics, model)
    assert not torch.equal(with_deep.deep.weight, model.deep.weight[[1, 3, 4]])
    assert torch.equal(without.deep.weight, model.deep.weight[[1, 3, 4]])
    with torch.no_grad():
        pairs = [(n.mid(n.stem(X).sigmoid()).sigmoid(), n.deep) for n in (model, with_deep, without)]
    dense, fitted, left = (deep(hidden) for hidden, deep in pairs)
    target = dense[:, [1, 3, 4]]
    assert (fitted - target).square().mean() < (left - target).square().mean()


@pytest.mark.integration
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("mode", ["static", "sequential"])
@pytest.mark.parametrize("name", ["residual", "depthwise", "packed attention"])
def test_half_precision_is_refitted_nearly_as_well(kind: torch.dtype, mode: str, name: str) -> None:
    model, x = NET[name].build(), images(name)
    options = {"damping": 1e-4, "updates": 3}
    small = refitted(model, 0.6, mode, x, **options)
    half, half_x = NET[name].build().to(kind), x.to(kind)
    found = refitted(half, 0.6, mode, half_x, **options)
    assert {parameter.dtype for parameter in found.parameters()} == {kind}
    cut = materialise(model, trace(model, x[:1]).uniform(0.6))
    exact = error(small, model, x)
    assert float((outputs(found, half_x).double() - outputs(model, x)).square().mean() / outputs(model, x).var()) < (
        exact + 0.1 * error(cut, model, x)
    )


def test_numbers_that_are_none_leave_the_network_as_cut() -> None:
    model = plain(bias=True, norm=False)
    small = refitted(model, 0.5, "sequential", X * torch.nan)
    cut = materialise(model, trace(model, X[:1]).uniform(0.5))
    assert all(torch.equal(a, b) for a, b in zip(small.parameters(), cut.parameters(), strict=True))


def test_hooks_and_modes_are_kept_when_the_forward_pass_fails() -> None:
    model = Function(lambda s, x: s.fc(s.a(x).mean((2, 3)).relu()), a=nn.Conv2d(3, 6, 3), fc=nn.Linear(6, 2))
    statistics, candidate = gathered(model), trace(model, X[:1]).uniform(0.5)
    small = materialise(model, candidate).train()
    small.function = lambda s, x: s.a(x[:, :2])
    with pytest.raises(RuntimeError):
        passed(small, candidate, statistics, model)
    assert all(module.training for module in small.modules())
    assert torch._C._len_torch_dispatch_stack() == 0


def test_the_pass_needs_no_gradients() -> None:
    """They would keep every activation of the pass alive."""
    model = plain(bias=True, norm=True)
    space, seen = trace(model, X[:1]), []
    repairer = Repairer(model, space, gathered(model), Repair(images=40))
    model[1].register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    with torch.enable_grad():
        repairer(space.uniform(0.5))
    assert seen == [False]
