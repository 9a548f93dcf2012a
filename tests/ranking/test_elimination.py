from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.ranking import Evidence, Rank
from cpruner.ranking.elimination import elimination
from cpruner.repair import Repair, Statistics, gather
from cpruner.repair.layer import expand_taps
from cpruner.repair.moment import damped
from cpruner.space import FIXED, PruningSpace, Ranking, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SPEC = Repair(images=30, positions=16)


def brute_force(
    model: nn.Module, space: PruningSpace, statistics: Statistics, group: int, order: Sequence[int], damping: float
) -> None:
    """Assert that of the units left the one went whose removal raises the error least, solving each time from scratch.

    Channels that are always zero cost nothing, so there may be several such units.
    """
    low = int(space.plan.offsets[group])
    mine = set(range(low, low + space.sizes[group]))

    def explained(gone: set[int]) -> float:
        total = 0.0
        for path, layer in statistics.layers.items():
            for cut in space.plan.cuts:
                (units,) = space.plan.labels[cut.labels].factors if cut.axis == 1 else [()]
                if cut.tensor == f"{path}.weight" and mine & set(units):
                    channels = torch.tensor([c for c, unit in enumerate(units) if unit == FIXED or unit not in gone])
                    rows = expand_taps(channels, model.get_submodule(path))
                    matrix, target = damped(layer.dense.A_DD, damping)[rows][:, rows], layer.dense.B_DO[rows]
                    variance = layer.output_MO.var(0, correction=0).sum()
                    total += float((torch.linalg.solve(matrix, target) * target).sum() / variance)
        return total

    gone: set[int] = set()
    for unit in (low + unit for unit in order[:0:-1]):
        best = max(explained({*gone, other}) for other in mine - gone)
        gone.add(unit)
        assert explained(gone) == pytest.approx(best, rel=1e-9)
    assert mine - gone == {low + order[0]}


def eliminated(model: nn.Module, space: PruningSpace, statistics: Statistics | None, damping: float) -> Ranking:
    return elimination(Evidence(model, space, statistics=statistics, spec=Rank(damping=damping)))


def gathered(model: nn.Module, x: Tensor = X) -> tuple[PruningSpace, Statistics]:
    return trace(model, x[:1]), gather(model, [(x, None)], SPEC)


@pytest.mark.parametrize("damping", [1e-4, 1e-1])
@pytest.mark.parametrize(
    "name", ["flatten", "residual", "dense block", "squeeze and excitation", "option A in a module"]
)
def test_the_ranking_is_that_of_brute_force(name: str, damping: float) -> None:
    model = NET[name].build()
    space, statistics = gathered(model)
    ranking = eliminated(model, space, statistics, damping)
    for group in range(len(space.groups)):
        brute_force(model, space, statistics, group, ranking[group], damping)


@settings(max_examples=6)
@given(st.integers(0, 1000))
def test_the_ranking_is_that_of_brute_force_on_random_networks(seed: int) -> None:
    """Two layers read the first group: a convolution and, after a sum, a linear layer."""
    model = NET["residual"].build(seed)
    x = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    space, statistics = gathered(model, x)
    ranking = eliminated(model, space, statistics, 1e-3)
    for group in (0, 1):
        brute_force(model, space, statistics, group, ranking[group], 1e-3)


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


def test_a_group_no_refittable_layer_reads_keeps_its_order() -> None:
    model = NET["volume"].build()
    x = torch.randn(8, 1, 5, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    space = trace(model, x[:1])
    statistics = gather(model, [(x, None)], SPEC)
    only_head = eliminated(model, space, statistics, 1e-4)
    assert sorted(only_head[0]) == list(range(5))
    nothing = Statistics(statistics.images, {}, {}, {})
    assert eliminated(model, space, nothing, 1e-4) == space.ranking


def test_statistics_are_not_changed() -> None:
    model = NET["dense block"].build()
    space, statistics = gathered(model)
    before = {path: layer.dense.A_DD.clone() for path, layer in statistics.layers.items()}
    eliminated(model, space, statistics, 1e-4)
    assert all(torch.equal(layer.dense.A_DD, before[path]) for path, layer in statistics.layers.items())


def test_statistics_are_needed() -> None:
    model = NET["flatten"].build()
    with pytest.raises(InputError, match=r"^statistics: .* got none\. Gather them with cpruner\.repair\.gather"):
        eliminated(model, trace(model, X[:1]), None, 1e-4)
