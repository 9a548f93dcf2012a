import pytest
import torch
from torch import nn

from cpruner.repair import recalibrate
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_statistics_are_the_mean_and_variance_of_what_comes_in() -> None:
    model = NET["flatten"].build()
    recalibrate(model, X)
    with torch.no_grad():
        seen = model.conv(X).movedim(1, -1).flatten(0, 2)
    assert torch.allclose(model.bn.running_mean, seen.mean(0))
    assert torch.allclose(model.bn.running_var, seen.var(0))


def test_a_later_norm_sees_what_the_earlier_ones_make_of_this_batch() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([2.0, 3.0]))
        model[0].bias.copy_(torch.tensor([5.0, 7.0]))
    recalibrate(model, torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 9 + 4)
    assert torch.allclose(model[1].running_mean, torch.tensor([5.0, 7.0]).double())
    assert torch.allclose(model[1].running_var, torch.tensor([4.0, 9.0]).double() * 50 / 49, rtol=1e-4)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("training", [False, True])
def test_everything_else_is_kept(momentum: float | None, training: bool) -> None:
    model = NET["residual"].build().train(training)
    model.bn.momentum = momentum
    model.bn.num_batches_tracked.fill_(17)
    weights = [parameter.clone() for parameter in model.parameters()]
    random = torch.get_rng_state()
    recalibrate(model, X)
    assert model.bn.momentum == momentum
    assert model.bn.num_batches_tracked == 17
    assert all(module.training == training for module in model.modules())
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert torch.equal(random, torch.get_rng_state())


def test_norms_without_statistics_and_networks_without_norms() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Conv2d(3, 2, 1)).double().eval()
    before = model(X)
    recalibrate(model, X)
    assert torch.equal(model(X), before)
    assert model[0].running_mean is None
