import pytest
import torch
from torch import Tensor, nn

from cpruner.candidate import Surgeon, materialise
from cpruner.repair import Repair, gather, recalibrate, repaired
from cpruner.repair.refit import sequential, static
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
MODEL = NET["residual"].build()
CANDIDATE = trace(MODEL, X[:1]).uniform(0.5)
SURGEON = Surgeon(MODEL, CANDIDATE.plan)
STATISTICS = gather(MODEL, [(X, None)], Repair(images=24))


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_none_is_the_network_as_cut() -> None:
    small = repaired(SURGEON, CANDIDATE, STATISTICS, Repair(mode="none"))
    assert same(state(small), state(materialise(MODEL, CANDIDATE)))


@pytest.mark.parametrize(("mode", "refit"), [("static", static), ("sequential", sequential)])
def test_the_mode_chooses_the_refit(mode: str, refit) -> None:
    expected = materialise(MODEL, CANDIDATE)
    refit(expected, CANDIDATE, STATISTICS, Repair())
    small = repaired(SURGEON, CANDIDATE, STATISTICS, Repair(mode=mode))
    assert same(state(small), state(expected))
    assert not same(state(small), state(materialise(MODEL, CANDIDATE)))


def test_recalibration_comes_last() -> None:
    expected = repaired(SURGEON, CANDIDATE, STATISTICS, Repair(mode="static"))
    recalibrate(expected, X)
    small = repaired(SURGEON, CANDIDATE, STATISTICS, Repair(mode="static", recalibrate=True))
    assert same(state(small), state(expected))


@pytest.mark.parametrize("mode", ["none", "static", "sequential"])
def test_the_dense_network_is_untouched_and_the_result_in_eval_mode(mode: str) -> None:
    before = state(MODEL)
    MODEL.train()
    small = repaired(SURGEON, CANDIDATE, STATISTICS, Repair(mode=mode, recalibrate=True))
    assert not any(module.training for module in small.modules())
    assert all(module.training for module in MODEL.modules())
    MODEL.eval()
    assert same(state(MODEL), before)


@pytest.mark.parametrize("mode", ["none", "static", "sequential"])
@pytest.mark.parametrize("net", [net for net in NETS if net.shapes == ((2, 3, 8, 8),)], ids=lambda net: net.name)
def test_counts_are_those_of_the_plan_for_every_network(net, mode: str) -> None:
    model = net.build()
    space = trace(model, X[:1])
    statistics = gather(model, [(X, None)], Repair(images=24, positions=4))
    small = repaired(Surgeon(model, space.plan), space.uniform(0.5), statistics, Repair(mode=mode, recalibrate=True))
    assert sum(parameter.numel() for parameter in small.parameters()) == space.count(space.uniform(0.5)).params
    assert torch.isfinite(small(X)).all()


def test_the_same_twice() -> None:
    one, two = (repaired(SURGEON, CANDIDATE, STATISTICS, Repair()) for _ in range(2))
    assert same(state(one), state(two))


def test_single_precision_is_close_to_double() -> None:
    model = NET["residual"].build().float()
    candidate = trace(model, X[:1].float()).uniform(0.5)
    assert candidate == CANDIDATE
    statistics = gather(model, [(X.float(), None)], Repair(images=24))
    small = repaired(Surgeon(model, candidate.plan), candidate, statistics, Repair())
    expected = repaired(SURGEON, CANDIDATE, STATISTICS, Repair())(X)
    assert small.head.weight.dtype == torch.float32
    assert (small(X.float()) - expected).abs().max() < 1e-3 * expected.abs().max()
