from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.ranking import Evidence, Rank
from cpruner.ranking.elimination import descents, elimination
from cpruner.repair import Repair, Statistics, gather
from cpruner.repair.statistics.moment import ridge
from cpruner.space import FIXED, PruningSpace, Ranking, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SPEC = Repair(images=30, positions=16)
NAMES = ("flatten", "residual", "dense block", "squeeze and excitation", "option A in a module", "parameters", "rows")


def explained(
    space: PruningSpace,
    statistics: Statistics,
    mine: set[int],
    gone: set[int],
    damping: float,
    measures: Mapping[str, Tensor] | None = None,
) -> float:
    """What the layers that read the units ``mine`` still explain without those in ``gone``, solved from scratch."""
    total = 0.0
    for path, layer in statistics.layers.items():
        for cut in space.plan.cuts:
            (units,) = space.plan.labels[cut.labels].factors if cut.axis == layer.product.axes[1] else [()]
            if cut.tensor == path and mine & set(units):
                channels = torch.tensor([c for c, unit in enumerate(units) if unit == FIXED or unit not in gone])
                rows = layer.product.taps_of(channels)
                a_DD, b_DO = layer.dense.A_GDD[0], layer.dense.B_GDO[0, rows]
                matrix = a_DD + ridge(layer.dense.A_GDD, damping) * torch.eye(len(a_DD), dtype=torch.float64)
                found_OO = b_DO.T @ torch.linalg.solve(matrix[rows][:, rows], b_DO)
                if measures is None:
                    total += float(found_OO.trace() / layer.dense.variance_GO.sum())
                else:
                    measure = measures.get(path, torch.eye(len(found_OO), dtype=torch.float64))
                    total += float((measure.T @ found_OO @ measure).trace())
    return total


def brute_force(space: PruningSpace, statistics: Statistics, group: int, order: Sequence[int], damping: float) -> None:
    """Assert that of the units left the one went whose removal raises the error least, solving each time from scratch.

    Channels that are always zero cost nothing, so there may be several such units.
    """
    low = int(space.plan.offsets[group])
    mine = set(range(low, low + space.sizes[group]))
    gone: set[int] = set()
    for unit in (low + unit for unit in order[:0:-1]):
        best = max(explained(space, statistics, mine, {*gone, other}, damping) for other in mine - gone)
        gone.add(unit)
        assert explained(space, statistics, mine, gone, damping) == pytest.approx(best, rel=1e-9)
    assert mine - gone == {low + order[0]}


def eliminated(model: nn.Module, space: PruningSpace, statistics: Statistics | None, damping: float) -> Ranking:
    return elimination(Evidence(model, space, statistics=statistics, spec=Rank(damping=damping)))


def gathered(model: nn.Module, x: Tensor = X) -> tuple[PruningSpace, Statistics]:
    return trace(model, x[:1]), gather(model, [(x, None)], SPEC)


@pytest.mark.parametrize("damping", [1e-4, 1e-1])
@pytest.mark.parametrize(
    "name",
    ["flatten", "residual", "dense block", "squeeze and excitation", "option A in a module", "parameters", "rows"],
)
def test_the_ranking_is_that_of_brute_force(name: str, damping: float) -> None:
    model, (shape,) = NET[name].build(), NET[name].shapes
    x = torch.randn(30, *shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    space, statistics = gathered(model, x)
    ranking = eliminated(model, space, statistics, damping)
    for group in range(len(space.groups)):
        brute_force(space, statistics, group, ranking[group], damping)


@settings(max_examples=6)
@given(st.integers(0, 1000))
def test_the_ranking_is_that_of_brute_force_on_random_networks(seed: int) -> None:
    """Two layers read the first group: a convolution and, after a sum, a linear layer."""
    model = NET["residual"].build(seed)
    x = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    space, statistics = gathered(model, x)
    ranking = eliminated(model, space, statistics, 1e-3)
    for group in (0, 1):
        brute_force(space, statistics, group, ranking[group], 1e-3)


def test_a_channel_that_repeats_another_goes_first() -> None:
    model = NET["residual"].build()
    inner = model.sum.branches.inner
    inner.relu = nn.Sigmoid()
    with torch.no_grad():
        for tensor in (inner.a.weight, inner.bn.weight, inner.bn.bias, inner.bn.running_mean, inner.bn.running_var):
            tensor[4] = tensor[1]
    space, statistics = gathered(model)
    _, order = eliminated(model, space, statistics, 1e-8)
    assert order[-1] in (1, 4)
    assert not {1, 4} <= set(order[-2:])


def test_every_ranking_is_a_permutation() -> None:
    for net in (net for net in NETS if net.shapes == ((2, 3, 8, 8),)):
        model = net.build()
        space, statistics = gathered(model)
        ranking = eliminated(model, space, statistics, 1e-4)
        assert [sorted(order) for order in ranking] == [list(range(size)) for size in space.sizes]


@pytest.mark.parametrize("name", ["residual", "dense block", "rows"])
@pytest.mark.parametrize("measured", [False, True])
def test_the_error_of_every_width_is_what_the_layers_no_longer_explain(name: str, measured: bool) -> None:
    """Relative to the output variance, or weighted by a measure per layer; a layer without one counts as it is."""
    model, (shape,) = NET[name].build(), NET[name].shapes
    x = torch.randn(30, *shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    space, statistics = gathered(model, x)
    measures = None
    if measured:
        sizes = {path: len(layer.dense.mean_GO[0]) for path, layer in statistics.layers.items()}
        measures = {path: torch.linspace(-1, 2, size * 3).double().view(size, 3) for path, size in sizes.items()}
    found = descents(space, statistics, 1e-3, measures)
    for group, descent in enumerate(found):
        assert descent is not None
        low = int(space.plan.offsets[group])
        mine = set(range(low, low + space.sizes[group]))
        whole = explained(space, statistics, mine, set(), 1e-3, measures)
        for width in range(1, space.sizes[group] + 1):
            gone = mine - {low + unit for unit in descent.order[:width]}
            expected = whole - explained(space, statistics, mine, gone, 1e-3, measures)
            assert descent.error_W[width] == pytest.approx(expected, rel=1e-6, abs=1e-9 * whole)
        assert descent.error_W[0] == descent.error_W[1]
        assert descent.error_W[-1] == 0


def test_a_measure_changes_the_errors_and_not_the_order() -> None:
    model = NET["residual"].build()
    space, statistics = gathered(model)
    measures = {path: torch.eye(len(layer.dense.mean_GO[0])) * 3 for path, layer in statistics.layers.items()}
    plain, weighted = descents(space, statistics, 1e-3), descents(space, statistics, 1e-3, measures)
    assert [one.order for one in plain if one] == [one.order for one in weighted if one]
    assert all(
        (one.error_W != other.error_W).any() for one, other in zip(plain, weighted, strict=True) if one and other
    )


def test_a_group_no_refittable_layer_reads_keeps_its_order() -> None:
    """What only a transposed convolution reads has no error; with no layer at all nothing has."""
    model = NET["transposed groups"].build()
    space, statistics = gathered(model)
    found = descents(space, statistics, 1e-4)
    assert [group.name for group in space.groups] == ["stem#1", "stem#2", "up"]
    assert [one is None for one in found] == [False, True, False], "the head reads whole groups too"
    assert eliminated(model, space, statistics, 1e-4)[1] == space.ranking[1]
    assert eliminated(model, space, replace(statistics, layers={}), 1e-4) == space.ranking


def test_statistics_are_not_changed() -> None:
    model = NET["dense block"].build()
    space, statistics = gathered(model)
    before = {path: layer.dense.A_GDD.clone() for path, layer in statistics.layers.items()}
    eliminated(model, space, statistics, 1e-4)
    assert all(torch.equal(layer.dense.A_GDD, before[path]) for path, layer in statistics.layers.items())


def test_statistics_are_needed() -> None:
    model = NET["flatten"].build()
    with pytest.raises(InputError, match=r"^statistics: .* got none\. Gather them with cpruner\.repair\.gather"):
        eliminated(model, trace(model, X[:1]), None, 1e-4)
