from typing import Any

import numpy as np
import pytest
import torch
from function import Function
from hypothesis import given, settings
from hypothesis import strategies as st
from refitting import EXACT, NET, X, chosen, error, gathered, images, make_redundant, outputs, plain, refitted
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.repair import Repair, Repairer
from cpruner.repair.refit.kept import kept
from cpruner.repair.refit.shrinkage import relative_ridge
from cpruner.repair.refit.static import StaticRefit
from cpruner.repair.statistics.moment import ridge
from cpruner.space import PruningSpace, trace


def refit(model: nn.Module, space: PruningSpace, kept_units: Any, x: Tensor = X, **options: Any) -> nn.Module:
    spec = Repair(images=len(x), positions=64, **options)
    return Repairer(model, space, gathered(model, x, **options), spec)(chosen(space, kept_units), "static")


@pytest.mark.parametrize(("bias", "norm"), [(True, False), (True, True), (False, True), (False, False)])
@pytest.mark.parametrize("kept_units", [((0, 1, 2), (0, 1, 2, 3, 4)), ((0, 1, 2), (0, 2, 4))])
def test_a_refit_is_the_ridge_regression_of_numpy(bias: bool, norm: bool, kept_units: Any) -> None:
    """As least squares with more rows; the intercept is free, or there is none. Layer 2 reads the kept channels."""
    model, damping, shrinkage = plain(bias=bias, norm=norm), 1e-3, 0.1
    small = refit(model, trace(model, X[:1]), kept_units, damping=damping, shrinkage=shrinkage)
    with torch.no_grad():
        hidden = model[1](model[0](X))
        target = (model[2](hidden) - (0 if model[2].bias is None else model[2].bias.view(-1, 1, 1)))[
            :, list(kept_units[1])
        ]
    rows = torch.nn.functional.unfold(hidden, 3).transpose(1, 2).flatten(0, 1)
    mean = rows.mean(0) if bias or norm else torch.zeros(54)
    x = (rows - mean)[:, [9 * c + tap for c in kept_units[0] for tap in range(9)]].numpy()
    y = target.movedim(1, -1).flatten(0, 2)
    aim = (y - (y.mean(0) if bias or norm else 0)).numpy()
    layer = gathered(model).layers["2.weight"]
    strength = relative_ridge(layer.dense, damping, shrinkage) * float((rows - mean).square().mean()) * len(x)
    prior = model[2].weight.detach()[list(kept_units[1])][:, list(kept_units[0])].flatten(1).T.numpy()
    root = np.sqrt(strength) * np.eye(x.shape[1])
    expected = np.linalg.lstsq(np.concatenate([x, root]), np.concatenate([aim, root @ prior]), rcond=None)[0]
    assert np.allclose(small[2].weight.detach().flatten(1).T, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["residual", "dense block", "depthwise", "parameters", "rows", "vision transformer"])
@settings(max_examples=8)
@given(st.integers(0, 1000), st.floats(0.1, 0.9))
def test_the_prefix_of_a_factor_is_the_general_solution(name: str, seed: int, ratio: float) -> None:
    """A candidate along the ranking is solved for with a part of one factor; for another ranking it has no prefix."""
    model, x = NET[name].build(), images(name)
    space = trace(model, x[:1])
    candidate = space.random(np.random.default_rng(seed), ratio / 2)
    turned = space.ranked(tuple(order[::-1] for order in space.ranking))
    spec, statistics = Repair(images=40, positions=16), gathered(model, x, positions=16)
    one, other = (Repairer(model, ranked, statistics, spec)(candidate, "static") for ranked in (space, turned))
    for (tensor, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-8), tensor


def test_which_candidates_have_a_prefix() -> None:
    model = plain(bias=True, norm=False)
    space = trace(model, X[:1]).ranked(((4, 0, 2, 5, 1, 3), (0, 1, 2, 3, 4)))
    static = StaticRefit(model, [], space.plan, space.ranking, Repair())
    layer = gathered(model).layers["2.weight"]
    prefix = static._prefix(layer)
    assert prefix is not None
    for units, expected in [((0, 2, 4), True), ((0, 2, 5), False), ((4,), True), ((0,), False)]:
        stay = kept(chosen(space, (units, (0, 1, 2, 3, 4))), layer)
        assert (prefix.solve(stay.rows, stay.outputs_GO[0]) is not None) is expected
    assert static._prefix(layer) is prefix, "made once"


def test_layers_of_several_groups_or_rankings_have_none() -> None:
    model = NET["grouped"].build()
    space, layers = trace(model, X[:1]), gathered(model).layers
    static = StaticRefit(model, [], space.plan, space.ranking, Repair())
    assert all(static._prefix(layers[name]) is None for name in ("wide.weight", "thin.weight"))
    model = NET["dense block"].build()
    space = trace(model, X[:1])
    static = StaticRefit(model, [], space.plan, space.ranking, Repair())
    found = {name: static._prefix(layer) is not None for name, layer in gathered(model).layers.items()}
    assert found == {
        "stem.weight": False,
        "first.branch.weight": True,
        "second.branch.weight": False,
        "head.weight": False,
    }


def test_it_is_that_of_the_damped_moments_along_the_ranking() -> None:
    model = plain(bias=True, norm=False)
    space = trace(model, X[:1]).ranked(((4, 0, 2, 5, 1, 3), (0, 1, 2, 3, 4)))
    layer, spec = gathered(model).layers["2.weight"], Repair(damping=0.1, shrinkage=0.0)
    prefix = StaticRefit(model, [], space.plan, space.ranking, spec)._prefix(layer)
    rows = layer.product.taps_of(torch.tensor([4, 0, 2, 5, 1, 3]))
    damped = layer.dense.A_GDD[0] + ridge(layer.dense.A_GDD, 0.1) * torch.eye(54)
    assert torch.allclose(torch.linalg.inv(prefix.inverse_DD @ prefix.inverse_DD.T), damped[rows][:, rows])
    assert prefix.place_D[rows].tolist() == list(range(54))


@pytest.mark.parametrize(("kind", "expected"), [(torch.float64, torch.float64), (torch.float32, torch.float32),
                                                (torch.bfloat16, torch.float32)])  # fmt: skip
def test_factors_are_kept_in_the_precision_of_the_network(kind: torch.dtype, expected: torch.dtype) -> None:
    model = plain(bias=True, norm=False).to(kind)
    space = trace(model, X[:1].to(kind))
    layer = gathered(model, X.to(kind)).layers["2.weight"]
    prefix = StaticRefit(model, [], space.plan, space.ranking, Repair())._prefix(layer)
    assert prefix.inverse_DD.dtype == prefix.half_DO.dtype == expected


@pytest.mark.parametrize("name", [name for name, net in NET.items() if len(net.shapes) == 1])
def test_with_nothing_removed_nothing_changes(name: str) -> None:
    model, x = NET[name].build(), images(name, 6)
    space = trace(model, x[:1])
    small = refit(model, space, 1.0, x)
    assert all(torch.equal(a, b) for a, b in zip(small.parameters(), model.parameters(), strict=True))


def test_only_layers_that_lost_inputs_are_touched() -> None:
    model = NET["residual"].build()
    small = refitted(model, (tuple(range(8)), (0, 1)), "static")
    assert torch.equal(small.stem.weight, model.stem.weight)
    assert torch.equal(small.head.weight, model.head.weight)
    assert torch.equal(small.sum.branches.inner.a.weight, model.sum.branches.inner.a.weight[[0, 1]])
    assert not torch.equal(small.sum.branches.inner.b.weight, model.sum.branches.inner.b.weight[:, [0, 1]])


@pytest.mark.parametrize(("bias", "norm"), [(True, False), (True, True), (False, True), (False, False)])
@pytest.mark.parametrize("constant", [False, True])
def test_what_is_linear_in_the_kept_channels_is_no_loss(bias: bool, norm: bool, constant: bool) -> None:
    """A constant needs an intercept: the bias, or the batch norm that follows, takes it; with neither it is lost."""
    model = plain(bias=bias, norm=norm)
    make_redundant(model[0], constant=constant)
    small = refitted(model, ((0, 1, 2), (0, 1, 2, 3, 4)), "static")
    if constant and not (bias or norm):
        assert error(small, model) > 1e-6
    else:
        assert torch.allclose(outputs(small), outputs(model), rtol=1e-6, atol=1e-6)


def test_the_intercept_goes_into_the_batch_norm_that_follows() -> None:
    model = plain(bias=False, norm=True)
    make_redundant(model[0], constant=True)
    small = refitted(model, ((0, 1, 2), (0, 2, 4)), "static")
    constant = (model[2].weight[[0, 2, 4], 3:] * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)).sum((1, 2, 3))
    assert torch.allclose(small[3].running_mean, model[3].running_mean[[0, 2, 4]] - constant, atol=1e-6)
    assert torch.equal(small[3].running_var, model[3].running_var[[0, 2, 4]])
    assert torch.equal(small[3].weight, model[3].weight[[0, 2, 4]])


def test_a_layer_that_is_called_twice_is_fitted_to_the_rows_of_both_calls() -> None:
    model = NET["shared module"].build()
    small = refitted(model, ((0, 2, 5),), "static")
    with torch.no_grad():
        first = model.stem(X)
        entering = torch.cat([first, model.loop(first).relu()])
        target = model.loop(entering)[:, [0, 2, 5]].movedim(1, -1).flatten(0, 2)
    rows = torch.nn.functional.unfold(entering[:, [0, 2, 5]], 3, padding=1).transpose(1, 2).flatten(0, 1)
    design = torch.cat([rows, torch.ones(len(rows), 1).double()], 1)
    best = torch.linalg.lstsq(design, target).solution
    assert torch.allclose(small.loop.weight.flatten(1).T, best[:-1], atol=1e-6)
    assert torch.allclose(small.loop.bias, best[-1], atol=1e-6)


def test_a_concatenation_of_two_groups_and_a_sum_is_solved_for_at_once() -> None:
    """What is gone of one part of the input is told by what is left of another: no part alone could."""

    def forward(self: Any, x: Tensor) -> Tensor:
        return self.wide(torch.cat([self.a(x).relu(), self.b(x).relu(), self.c(x) + self.d(x)], 1)).mean((2, 3))

    model = Function(forward, **{name: nn.Conv2d(3, 4, 1) for name in "abcd"}, wide=nn.Conv2d(12, 3, 1))
    with torch.no_grad():
        for one, other, low in (("a", "b", 2), ("b", "a", 2), ("c", "c", 1), ("d", "d", 1)):
            like = model.get_submodule(other)
            for tensor, source in zip(model.get_submodule(one).parameters(), like.parameters(), strict=True):
                tensor[low:] = 2 * source[: 4 - low] if low == 2 else source[:1]
    space = trace(model, X[:1])
    assert space.sizes == (4, 4, 4)
    candidate = chosen(space, ((0, 1), (0, 1), (0,)))
    small = refitted(model, candidate.kept, "static")
    assert torch.allclose(outputs(small), outputs(model), atol=1e-5)
    assert error(materialise(model, candidate), model) > 1e-3


@pytest.mark.parametrize("name", ["grouped", "transposed groups", "channel shuffle", "shuffle unit"])
def test_groups_of_a_convolution_are_refitted_apart(name: str) -> None:
    model, x = NET[name].build(), images(name)
    cut = materialise(model, trace(model, x[:1]).uniform(0.6))
    small = refitted(model, 0.6, "static", x, **{**EXACT, "damping": 1e-6})
    assert [tuple(p.shape) for p in small.parameters()] == [tuple(p.shape) for p in cut.parameters()]
    assert error(small, model, x) < error(cut, model, x)


def test_numbers_that_are_none_leave_the_layer_as_cut() -> None:
    model = plain(bias=True, norm=False)
    small = refit(model, trace(model, X[:1]), 0.5, X * torch.nan)
    cut = materialise(model, trace(model, X[:1]).uniform(0.5))
    assert all(torch.equal(a, b) for a, b in zip(small.parameters(), cut.parameters(), strict=True))
