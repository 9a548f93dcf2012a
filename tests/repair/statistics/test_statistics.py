from typing import Any

import pytest
import torch
from few import few
from function import Function
from refitting import NET, X, gathered, images
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.repair import Repair, Skipped, Statistics, gather, unrepaired
from cpruner.repair.statistics.statistics import first_images
from cpruner.repair.watch.meter import bytes_of
from cpruner.space import trace
from cpruner.testing.picture import picture, same

BATCHES = [(X[:8], torch.zeros(8)), (X[8:20], torch.zeros(12))]
NAMES = [name for name, net in NET.items() if len(net.shapes) == 1]


def close(one: Statistics, other: Statistics) -> bool:
    """The same moments, to rounding."""
    pairs = [(layer.dense, other.layers[name].dense) for name, layer in one.layers.items()]
    tensors = [(vars(a)[key], vars(b)[key]) for a, b in pairs for key in vars(a) if key != "rows"]
    return one.layers.keys() == other.layers.keys() and all(torch.allclose(a, b, atol=1e-9) for a, b in tensors)


@pytest.mark.parametrize("name", ["residual", "depthwise", "encoder layer", "shared module"])
def test_batches_make_the_statistics_of_all_images(name: str) -> None:
    """With every position taken: five batches of eight images, and one image alone."""
    model, x = NET[name].build(), images(name, 41)
    parts = gathered(model, x, batch=8, mode="static")
    assert close(gathered(model, x), parts)
    assert parts.pass_images == 8
    assert len(parts.images) == 41


def test_a_sequential_pass_takes_what_the_memory_holds() -> None:
    """One image of this network takes 2 x (3 + 64) channels x 64 x 64 x 8 bytes: 4.1 MiB."""
    model = nn.Sequential(nn.Conv2d(3, 64, 1), nn.Conv2d(64, 2, 1)).double()
    x = torch.zeros(10, 3, 64, 64).double()
    need = bytes_of(model, x[:1])
    assert need == 2 * 67 * 64 * 64 * 8
    for memory, expected in ((1, 1), (13, 3), (2048, 10)):
        found = gathered(model, x, memory=memory, positions=2)
        assert found.pass_images == len(found.entering) == expected
        assert len(found.layers["0.weight"].at_M) == 2 * expected
        assert found.layers["0.weight"].dense.rows == 20


@pytest.mark.parametrize("name", few(NAMES))
def test_the_model_is_left_as_it_was(name: str) -> None:
    model, x = NET[name].build().train(), images(name, 6)
    before = picture(model, (x,))
    gather(model, [(x, None)], Repair())
    assert same(before, picture(model, (x,)))


class Forgetful(nn.Module):
    """Counts its calls in a buffer, fills a list, and fails on some images."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.seen = nn.Linear(3, 2), []
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(len(x))
        if bool(torch.isnan(x).any()):
            raise RuntimeError("no")
        out: Tensor = self.fc(x)
        return out


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("fast", [False, True])
def test_so_it_is_after_an_exception(fails: bool, fast: bool) -> None:
    model, x = Forgetful().train(), torch.full((6, 3), torch.nan if fails else 1.0)
    torch.backends.mha.set_fastpath_enabled(fast)
    before = picture(model, (x,))
    try:
        gather(model, [(x, None)], Repair())
        assert not fails
    except RuntimeError:
        assert fails
    finally:
        after = picture(model, (x,))
        torch.backends.mha.set_fastpath_enabled(True)
    assert torch.equal(before.pop("the example inputs")[0].isnan(), after.pop("the example inputs")[0].isnan())
    assert same(before, after)
    assert model.seen == []
    assert model.calls == 0
    assert model.training


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_in_any_gradient_mode(around: Any) -> None:
    model, x = NET["residual"].build(), X.clone()
    with around():
        found = gathered(model, x)
        drawn = gather(model, [(x * 1, None)], Repair(images=5, positions=64))  # images that inference mode made
    assert close(found, gathered(model, x))
    assert not found.layers["stem.weight"].dense.A_GDD.is_inference()
    assert not drawn.images.is_inference()


def test_under_autocast_as_without() -> None:
    model, x = NET["residual"].build().float(), X.float()
    with torch.autocast("cpu", torch.bfloat16):
        found = gathered(model, x)
    assert close(found, gathered(model, x))


def test_the_seed_decides_everything() -> None:
    model = NET["residual"].build()
    one, two, other = (gathered(model, positions=3, seed=seed) for seed in (1, 1, 2))
    pairs = [
        (getattr(a.layers["head.weight"], key), getattr(b.layers["head.weight"], key))
        for a, b in ((one, two), (one, other))
        for key in ("at_M", "target_GMO")
    ]
    assert all(torch.equal(a, b) for a, b in pairs[:2])
    assert close(one, two)
    assert not close(one, other)


@pytest.mark.parametrize(("count", "expected"), [(5, 5), (8, 8), (9, 9), (500, 20)])
def test_the_first_images_over_batches(count: int, expected: int) -> None:
    assert torch.equal(first_images(iter(BATCHES), count), X[:expected])
    assert len(gather(NET["flatten"].build(), BATCHES, Repair(images=count)).images) == expected


def test_no_images_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one batch"):
        gather(NET["flatten"].build(), [], Repair())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"transposed", "transposed groups"}])
def test_what_reads_a_pruned_channel_is_refitted_or_listed(name: str) -> None:
    """Every weight that may lose inputs is a layer of the statistics, or unrepaired with a reason."""
    model, x = NET[name].build(), images(name, 6)
    space, found = trace(model, x[:1]), gathered(model, x)
    listed = unrepaired(space, found)
    parameters = dict(model.named_parameters())
    reading = {cut.tensor for cut in space.plan.cuts if cut.axis == 1 and cut.tensor in parameters}
    tables = {"block.inner.table", "stem.place", "stem.first"}  # added, not multiplied
    assert reading - tables - {"matrix"} <= found.layers.keys() | listed.keys()
    assert not found.layers.keys() & listed.keys()
    assert set(listed) == ({"wide.weight", "point.weight"} if name == "standardised weights" else set())


@pytest.mark.parametrize("name", ["transposed", "transposed groups"])
def test_transposed_convolutions_are_listed(name: str) -> None:
    model = NET[name].build()
    assert unrepaired(trace(model, X[:1]), gathered(model)) == {"up.weight": "a transposed convolution"}


def test_only_weights_that_may_lose_inputs_are_listed() -> None:
    """Skipped is more: here the transposed convolution reads the images, which lose nothing."""
    model = nn.Sequential(nn.ConvTranspose2d(3, 4, 2), nn.Conv2d(4, 2, 1)).double()
    space, found = trace(model, X[:1]), gathered(model)
    assert found.skipped == {"0.weight": Skipped("a transposed convolution", (0,))}
    assert space.sizes == (4,)
    assert unrepaired(space, found) == {}


def test_a_weight_that_is_computed_is_listed_by_the_parameter_behind_it() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 5, 1))
    model = Function(lambda s, x: s.fc(s.b(s.a(x)).mean((2, 3))), a=nn.Conv2d(3, 4, 1), b=normed, fc=nn.Linear(5, 2))
    (name,) = unrepaired(trace(model, X[:1]), gathered(model))
    assert name == "b.parametrizations.weight.original1"


def test_parts_that_only_run_in_training_are_listed() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        x = self.a(x).mean((2, 3))
        return (self.fc(x), self.other(x)) if self.training else self.fc(x)

    model = Function(forward, a=nn.Conv2d(3, 4, 1), fc=nn.Linear(4, 2), other=nn.Linear(4, 2))
    assert unrepaired(trace(model, X[:1]), gathered(model)) == {"other.weight": "does not run in eval mode"}
