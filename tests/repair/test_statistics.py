from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.repair import Repair, Statistics, gather
from cpruner.repair.statistics import first_images
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BATCHES = [(X[:8], torch.zeros(8)), (X[8:], torch.zeros(12))]


def gathered(forward: Any = None, *, positions: int = 100, **parts: Any) -> Statistics:
    parts = {"a": nn.Conv2d(3, 6, 3), "fc": nn.Linear(6, 2), **parts}
    return gather(Function(forward, **parts), BATCHES, Repair(images=20, positions=positions))


def test_moments_are_those_of_the_rows_a_layer_reads() -> None:
    """With every position sampled, the moments of a 1 x 1 convolution are those of all pixels."""
    model = NET["depthwise"].build()
    statistics = gather(model, BATCHES, Repair(images=20, positions=64))
    with torch.no_grad():
        pixels = model[:3](X).movedim(1, -1).flatten(0, 2)
    layer = statistics.layers["point"]
    assert layer.dense.rows == 20 * 64
    assert torch.allclose(layer.dense.mean_D, pixels.mean(0))
    assert torch.allclose(layer.dense.A_DD, pixels.T.cov(correction=0))
    assert torch.allclose(layer.output_MO, pixels @ model.point.weight.flatten(1).T + model.point.bias)


@pytest.mark.parametrize("net", [net for net in NETS if net.shapes == ((2, 3, 8, 8),)], ids=lambda net: net.name)
def test_the_model_is_left_as_it_was(net) -> None:
    model = net.build().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    gather(model, BATCHES, Repair(images=20))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(m.training and not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert torch.equal(random, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_hooks_go_when_the_model_fails() -> None:
    model = NET["flatten"].build()
    with pytest.raises(RuntimeError):
        gather(model, [(X[:, :2], None)], Repair())
    assert not any(module._forward_hooks for module in model.modules())


def test_layers_stand_in_the_order_in_which_they_run() -> None:
    model = NET["residual"].build()
    names = list(gather(model, BATCHES, Repair(images=20)).layers)
    assert names == ["stem", "sum.branches.inner.a", "sum.branches.inner.b", "head"]


def test_a_layer_that_runs_twice_is_skipped_and_said() -> None:
    statistics = gather(NET["shared module"].build(), BATCHES, Repair(images=20))
    assert set(statistics.layers) == {"stem", "head"}
    assert statistics.skipped == {"loop": "called more than once"}


def test_layers_the_refit_does_not_understand_are_skipped_and_said() -> None:
    reason = "not a plain 2-d convolution with zero padding"
    assert gather(NET["depthwise"].build(), BATCHES, Repair()).skipped == {"deep": reason, "twin": reason}
    assert gather(NET["transposed"].build(), BATCHES, Repair()).skipped == {"up": reason}


def test_unusual_layers_are_skipped_and_said() -> None:
    parametrised = nn.utils.parametrizations.weight_norm(nn.Conv2d(6, 6, 1))
    statistics = gathered(
        lambda s, x: s.fc(s.b(input=s.c(s.a(x))).mean((2, 3))) + s.d(x[0]).mean(),
        b=nn.Conv2d(6, 6, 1), c=parametrised, d=nn.Conv2d(3, 1, 1),
    )  # fmt: skip
    assert set(statistics.layers) == {"a", "fc"}
    assert set(statistics.skipped) == {"b", "c", "d"}
    assert statistics.skipped["d"] == "its input has no batch axis"


def test_a_layer_too_wide_for_second_moments_is_skipped() -> None:
    wide = nn.Linear(9000, 2)
    statistics = gathered(lambda s, x: s.wide(x.flatten(1).repeat(1, 47)[:, :9000]), wide=wide)
    assert statistics.skipped == {"wide": "more than 8192 inputs"}


def test_a_batch_norm_that_reads_a_layer_directly_is_found() -> None:
    model = NET["flatten"].build()
    assert gather(model, BATCHES, Repair(images=20)).normalised_by == {"conv": "bn"}


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.fc(s.bn(s.a(x).relu()).mean((2, 3))),
        lambda s, x: s.fc(s.bn(functional.relu_(s.a(x))).mean((2, 3))),
        lambda s, x: s.fc(s.bn(s.a(x).mul_(2)).mean((2, 3))),
        lambda s, x: s.fc((s.bn(s.a(x)) + s.bn(s.b(x))).mean((2, 3))),
    ],
)
def test_a_batch_norm_that_reads_something_else_is_not(forward: Any) -> None:
    """A function between, in place or not, or a batch norm shared by two layers."""
    assert gathered(forward, b=nn.Conv2d(3, 6, 3), bn=nn.BatchNorm2d(6)).normalised_by == {}


def test_a_batch_norm_without_statistics_cannot_take_an_intercept() -> None:
    norm = nn.BatchNorm2d(6, track_running_stats=False)
    assert gathered(lambda s, x: s.fc(s.bn(s.a(x)).mean((2, 3))), bn=norm).normalised_by == {}


def test_an_output_that_is_read_twice_still_has_its_batch_norm() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        h = self.a(x)
        return self.fc((self.bn(h) + h).mean((2, 3)))

    assert gathered(forward, bn=nn.BatchNorm2d(6)).normalised_by == {"a": "bn"}


def test_the_seed_decides_the_positions() -> None:
    model = NET["flatten"].build()
    one, same, other = (
        gather(model, BATCHES, Repair(images=20, positions=3, seed=seed)).layers["conv"].at for seed in (0, 0, 1)
    )
    assert torch.equal(one.row, same.row)
    assert not torch.equal(one.row, other.row)


@pytest.mark.parametrize(("count", "expected"), [(5, 5), (8, 8), (9, 9), (500, 20)])
def test_the_first_images_over_batches(count: int, expected: int) -> None:
    assert torch.equal(first_images(iter(BATCHES), count), X[:expected])
    assert len(gather(NET["flatten"].build(), BATCHES, Repair(images=count)).images) == expected


def test_no_images_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one batch"):
        gather(NET["flatten"].build(), [], Repair())
