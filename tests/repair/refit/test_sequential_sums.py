"""Layers whose output meets a shortcut: they are solved for at the sum."""

from typing import Any

import pytest
import torch
from function import Function
from refitting import X, error, gathered, outputs, passed, refitted
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.repair.refit.sequential import _before
from cpruner.space import trace
from cpruner.testing.nets import randomise


def shortcut(*, norm: bool, swapped: bool = False, bias: bool = True, in_place: bool = False) -> nn.Module:
    """x = stem(x); x + b(a(x)): the shortcut drifts when a channel of the stem changes, b can make up for it.

    ``a`` has as many channels as ``stem`` and no nonlinearity, so every change is linear in what ``b`` reads.
    """

    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.bn(self.b(self.a(x)))
        total = y.add_(x) if in_place else x + y if swapped else y + x
        return self.head(total.mean((2, 3)))

    parts = {"stem": nn.Conv2d(3, 5, 1), "a": nn.Conv2d(5, 5, 1), "b": nn.Conv2d(5, 5, 1, bias=bias)}
    made = Function(forward, **parts, bn=nn.BatchNorm2d(5) if norm else nn.Identity(), head=nn.Linear(5, 2))
    if norm:
        randomise(made.bn, torch.Generator().manual_seed(1))
    return made


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("norm", "bias"), [(True, False), (True, True), (False, True)])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_layer_before_a_sum_makes_up_for_the_drift_of_the_shortcut(
    norm: bool, bias: bool, swapped: bool, in_place: bool
) -> None:
    """A shortcut that is off by a linear map of what the layer reads: the sum is that of the dense network."""
    model = shortcut(norm=norm, bias=bias, swapped=swapped, in_place=in_place)
    statistics, candidate = gathered(model), trace(model, X[:1]).dense()
    assert statistics.layers["b.weight"].sum_GMO is not None
    small = materialise(model, candidate)
    statistics.layers.pop("stem.weight")
    statistics.layers.pop("a.weight")
    with torch.no_grad():
        small.stem.weight.mul_(1.2)
        small.stem.bias.add_(0.3)
    assert error(small, model) > 1e-3
    passed(small, candidate, statistics, model)
    assert torch.allclose(outputs(small), outputs(model), rtol=1e-6, atol=1e-6)


def test_of_two_layers_that_meet_in_a_sum_the_later_makes_up_for_both() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((self.a(x) + self.b(x)).mean((2, 3)))

    convs = {"stem": nn.Conv2d(3, 4, 3), "a": nn.Conv2d(4, 6, 1), "b": nn.Conv2d(4, 6, 1)}
    model = Function(forward, **convs, head=nn.Linear(6, 2))
    statistics, candidate = gathered(model), trace(model, X[:1]).dense()
    small = materialise(model, candidate)
    for name in ("stem.weight", "a.weight", "head.weight"):
        statistics.layers.pop(name)
    with torch.no_grad():
        small.a.weight.add_(1)
        small.a.bias.sub_(2)
    passed(small, candidate, statistics, model)
    assert torch.allclose(outputs(small), outputs(model), rtol=1e-6, atol=1e-6)
    assert torch.allclose(small.b.weight, model.b.weight - 1, atol=1e-4)


def test_a_norm_whose_scale_is_nothing_hides_its_input() -> None:
    """There the target is that of the dense network; elsewhere the norm is undone."""
    norm = nn.BatchNorm1d(3).double().eval()
    randomise(norm, torch.Generator().manual_seed(0))
    with torch.no_grad():
        norm.weight[1] = 1e-6
    before = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        found = _before(norm, norm(before[0])[None], torch.full_like(before, 5.0))
    assert torch.allclose(found[..., [0, 2]], before[..., [0, 2]])
    assert found[..., 1].tolist() == [[5.0] * 7]
    bare = nn.BatchNorm1d(3, affine=False).double().eval()
    assert torch.allclose(_before(bare, bare(before[0])[None], before), before)


def test_a_sum_that_never_comes_leaves_a_static_refit() -> None:
    model = shortcut(norm=False)
    statistics, candidate = gathered(model), trace(model, X[:1]).uniform(0.6)
    small, static = materialise(model, candidate), refitted(model, 0.6, "static", damping=1e-9, shrinkage=0.05)
    small.function = lambda s, x: s.head(torch.stack([s.b(s.a(s.stem(x))), s.stem(x)]).sum(0).mean((2, 3)))
    passed(small, candidate, statistics, model)
    assert torch.equal(small.b.weight, static.b.weight)
    assert torch.equal(small.b.bias, static.b.bias)


def test_what_is_written_into_while_a_layer_waits_is_not_fitted_to() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.stem(x).clone()
        y = self.a(x)
        return self.head((y + x.relu_()).mean((2, 3)))

    model = Function(forward, stem=nn.Conv2d(3, 5, 1), a=nn.Conv2d(5, 5, 1), head=nn.Linear(5, 2))
    small, static = (refitted(model, 0.6, mode, damping=1e-4, shrinkage=0.05) for mode in ("sequential", "static"))
    assert torch.equal(small.a.weight, static.a.weight)
    assert torch.isfinite(outputs(small)).all()
