from collections.abc import Callable
from typing import Any

import pytest
import torch
from function import Function
from refitting import NET, X, gathered
from torch import Tensor, nn
from torch.nn import functional

from cpruner.repair import Repair, Statistics, gather
from cpruner.repair.statistics.recorder import MOST_INPUTS

CHANNELS = {"a": (3, 4), "b": (3, 4), "c": (4, 4)}


def seen(forward: Any, **parts: Any) -> Statistics:
    """Convolutions a, b (3 to 4 channels) and c (4 to 4), a batch norm, a linear layer."""
    made = {name: nn.Conv2d(*sizes, 3, padding=1) for name, sizes in CHANNELS.items()}
    made |= {"bn": nn.BatchNorm2d(4), "fc": nn.Linear(4, 2)}
    return gathered(Function(forward, **made, **parts))


def given(value: Tensor, read: Callable[[Tensor], Tensor]) -> Tensor:
    """What is made of a value that is read several times."""
    return read(value)


def reasons(found: Statistics) -> dict[str, str]:
    return {name: str(skipped) for name, skipped in found.skipped.items() if skipped.reason[:8] != "does not"}


def test_moments_are_those_of_the_rows_a_layer_reads() -> None:
    """With every position sampled, the moments of a 1 x 1 convolution are those of all pixels; biases are left out."""
    model = NET["depthwise"].build()
    layer = gathered(model).layers["point.weight"]
    with torch.no_grad():
        pixels = model[:3](X).movedim(1, -1).flatten(0, 2)
        target = pixels @ model.point.weight.flatten(1).T
    assert layer.dense.rows == layer.rows == 40 * 64
    assert torch.allclose(layer.dense.mean_GD[0], pixels.mean(0))
    assert torch.allclose(layer.dense.A_GDD[0], pixels.T.cov(correction=0))
    assert torch.allclose(layer.dense.mean_GO[0], target.mean(0))
    assert torch.allclose(layer.target_GMO[0], target)


def test_a_depthwise_convolution_has_a_group_per_channel() -> None:
    layer = gathered(NET["depthwise"].build()).layers["deep.weight"]
    assert layer.dense.A_GDD.shape == (6, 9, 9)
    assert layer.dense.B_GDO.shape == (6, 9, 1)


def test_a_layer_that_reads_a_concatenation_reads_all_of_it() -> None:
    """Two convolutions and a sum side by side: the joint covariance, with what is between them."""

    def forward(self: Any, x: Tensor) -> Tensor:
        one, other = self.a(x).relu(), self.b(x)
        return self.wide(torch.cat([one, other, one + other], 1)).mean((2, 3))

    found = seen(forward, wide=nn.Conv2d(12, 2, 1)).layers["wide.weight"]
    a = found.dense.A_GDD[0]
    assert a.shape == (12, 12)
    assert torch.allclose(a[:4, 8:], a[:4, :4] + a[:4, 4:8])
    assert torch.allclose(a[8:, 8:], a[:4, :4] + a[:4, 4:8] + a[4:8, :4] + a[4:8, 4:8])


def test_layers_stand_in_the_order_in_which_they_run() -> None:
    found = gathered(NET["residual"].build())
    names = [f"{path}.weight" for path in ("stem", "sum.branches.inner.a", "sum.branches.inner.b", "head")]
    assert list(found.layers) == names


def test_both_calls_of_a_layer_make_its_moments() -> None:
    model = NET["shared module"].build()
    layer = gathered(model).layers["loop.weight"]
    with torch.no_grad():
        first = model.stem(X)
        second = model.loop(first).relu()
    inputs = functional.unfold(torch.cat([first, second]), 3, padding=1).transpose(1, 2).flatten(0, 1)
    assert layer.dense.rows == len(inputs)
    assert torch.allclose(layer.dense.mean_GD[0], inputs.mean(0))
    assert torch.allclose(layer.dense.A_GDD[0], inputs.T.cov(correction=0))
    assert len(layer.at_M) == 0, "no sequential refit"


def test_an_intercept_goes_into_the_bias_of_the_op_or_the_one_after() -> None:
    found = seen(lambda s, x: s.fc(s.a(x).movedim(1, -1)))  # four axes: torch adds the bias afterwards
    assert found.layers["a.weight"].bias == "a.bias"
    assert found.layers["fc.weight"].bias == "fc.bias"


@pytest.mark.parametrize(
    ("forward", "weight"),
    [
        (lambda s, x: functional.conv2d(x, s.a.weight, 2 * s.a.bias, padding=1), "a.weight"),
        (
            lambda s, x: functional.conv2d(x, s.a.weight, s.a.bias) + functional.conv2d(x, s.b.weight, s.a.bias),
            "b.weight",
        ),
        (lambda s, x: s.c(s.a(x)) + functional.conv2d(s.b(x), s.c.weight, padding=1), "c.weight"),
        (lambda s, x: functional.conv2d(x, s.a.weight) + s.a.bias.view(-1, 1, 1), "a.weight"),
    ],
    ids=["computed", "of another layer too", "not in every call", "in another shape"],
)
def test_a_bias_must_be_the_layers_own(forward: Any, weight: str) -> None:
    assert seen(forward).layers[weight].bias is None


def test_a_batch_norm_that_reads_a_layer_directly_is_found() -> None:
    assert gathered(NET["flatten"].build()).layers["conv.weight"].norm == "bn"
    assert gathered(NET["residual"].build()).layers["sum.branches.inner.a.weight"].norm == "sum.branches.inner.bn"


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.bn(s.a(x).relu()),
        lambda s, x: s.bn(functional.relu_(s.a(x))),
        lambda s, x: s.bn(s.a(x).mul_(2)),
        lambda s, x: s.bn(s.a(x)) + s.bn(s.b(x)),
        lambda s, x: s.bn(s.a(x)) + s.bn(x[:, :1].expand(-1, 4, -1, -1)),
        lambda s, x: given(s.a(x), lambda h: s.bn(h) + h),
        lambda s, x: s.bn(s.c(s.bn2(s.c(s.a(x))))),
    ],
    ids=["after relu", "in place", "scaled", "of two layers", "of something else too", "read beside it", "of one call"],
)
def test_a_batch_norm_must_read_this_layer_and_nothing_else_it(forward: Any) -> None:
    found = seen(forward, bn2=nn.BatchNorm2d(4))
    assert all(found.layers[name].norm is None for name in ("a.weight", "c.weight") if name in found.layers)


def test_a_batch_norm_that_is_read_twice_still_takes_the_intercept() -> None:
    assert seen(lambda s, x: given(s.bn(s.a(x)), lambda h: h + h.relu())).layers["a.weight"].norm == "bn"


def summed(forward: Any) -> list[str]:
    return [name for name, layer in seen(forward).layers.items() if layer.sum_GMO is not None]


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda s, x: s.a(x) + x[:, :1].expand(-1, 4, -1, -1), ["a.weight"]),
        (lambda s, x: s.bn(s.b(x)) + s.a(x), ["a.weight"]),
        (lambda s, x: given(s.a(x), lambda h: h + s.c(h.relu())), ["c.weight"]),
        (lambda s, x: given(s.a(x).relu(), lambda h: h + s.bn(s.c(h))), ["c.weight"]),
        (lambda s, x: given(s.a(x).relu(), lambda h: h + s.c(h) + s.b(x)), ["b.weight", "c.weight"]),
        (lambda s, x: s.c(s.c(s.a(x).relu())) + s.b(x), ["b.weight"]),
        (lambda s, x: s.a(x).relu() + s.b(x).relu(), []),
        (lambda s, x: given(s.a(x), lambda h: (h + s.b(x)) * h), ["b.weight"]),
        (lambda s, x: given(s.a(x), lambda h: h + h), []),
    ],
    ids=["input", "later of two", "preactivation", "norm", "three", "called twice", "relu", "read beside it", "itself"],
)
def test_which_layer_is_solved_for_at_a_sum(forward: Any, expected: list[str]) -> None:
    assert sorted(summed(forward)) == expected


def test_the_sum_is_that_of_the_dense_network() -> None:
    found = seen(lambda s, x: s.a(x) + x.sum(1, keepdim=True).expand(-1, 4, -1, -1)).layers["a.weight"]
    shortcut = X.sum(1).flatten()[found.at_M]
    with torch.no_grad():
        bias = found.sum_GMO[0] - found.target_GMO[0] - shortcut[:, None]
    assert torch.allclose(bias, bias[0].expand_as(bias))


@pytest.mark.parametrize("mode", ["static", "none", "recalibrate"])
def test_rows_are_kept_for_a_sequential_pass_only(mode: str) -> None:
    layer = gathered(NET["residual"].build(), mode=mode).layers["stem.weight"]
    assert layer.at_M.numel() == layer.target_GMO.numel() == 0
    assert layer.dense.rows == 40 * 64


def test_positions_are_drawn_over_all_images() -> None:
    model = NET["residual"].build()
    layer = gathered(model, positions=3).layers["stem.weight"]
    assert len(layer.at_M) == layer.dense.rows == 120
    assert 0 <= layer.at_M.min() < 64 * 4
    assert 64 * 36 < layer.at_M.max() < 64 * 40
    assert torch.equal(gathered(model, positions=64).layers["stem.weight"].at_M, torch.arange(64 * 40))


def test_the_seed_decides_the_positions() -> None:
    model = NET["residual"].build()
    one, same, other = (gathered(model, positions=3, seed=n).layers["stem.weight"].at_M for n in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("forward", "parts", "expected"),
    [
        (lambda s, x: s.up(s.a(x)), {"up": nn.ConvTranspose2d(4, 2, 2)}, {"up.weight": "a transposed convolution"}),
        (
            lambda s, x: functional.conv_transpose2d(s.c(s.a(x)), s.c.weight),
            {},
            {"c.weight": "a transposed convolution"},
        ),
        (lambda s, x: s.w(s.a(x)), {"w": nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 2, 1))}, None),
        (
            lambda s, x: (
                s.fc(s.a(x).mean((2, 3))) @ s.table[:2, :2].T + functional.embedding(torch.tensor([0]), s.table)
            ),
            {"table": nn.Parameter(torch.ones(3, 2))},
            {"table": "not multiplied itself, but what aten.slice makes of it"},
        ),
        (
            lambda s, x: s.fc(s.a(x).mean((2, 3))) @ s.table.T + functional.embedding(torch.tensor([0]), s.table).sum(),
            {"table": nn.Parameter(torch.ones(3, 2))},
            {"table": "read by aten.embedding too"},
        ),
        (
            lambda s, x: s.sq(s.a(x).mean((2, 3))) @ s.sq.weight,
            {"sq": nn.Linear(4, 4)},
            {"sq.weight": "multiplied in two different ways"},
        ),
        (
            lambda s, x: s.wide(s.a(x).flatten(1).repeat(1, 33)[:, : MOST_INPUTS + 1]),
            {"wide": nn.Linear(MOST_INPUTS + 1, 2)},
            {"wide.weight": f"more than {MOST_INPUTS} inputs"},
        ),
    ],
)
def test_what_is_not_refitted_is_said(forward: Any, parts: dict[str, Any], expected: dict[str, str] | None) -> None:
    found = seen(forward, **parts)
    if expected is None:
        (expected,) = [{"w.parametrizations.weight.original1": reasons(found)["w.parametrizations.weight.original1"]}]
        assert "not multiplied itself, but what aten." in next(iter(expected.values()))
    assert reasons(found) == expected
    assert not expected.keys() & found.layers.keys()


def test_what_does_not_run_is_said() -> None:
    found = seen(lambda s, x: s.a(x) if not s.training else s.c(s.b(x)))
    assert {name: (skipped.reason, skipped.axes) for name, skipped in found.skipped.items()} == {
        "b.weight": ("does not run in eval mode", (1, 2, 3)),
        "c.weight": ("does not run in eval mode", (1, 2, 3)),
        "fc.weight": ("does not run in eval mode", (1,)),
    }


def test_an_op_on_no_rows_is_nothing() -> None:
    found = gather(Function(lambda s, x: s.a(x[:0]).sum() + s.b(x), a=nn.Linear(3, 2), b=nn.Linear(3, 2)),
                   [(torch.ones(4, 3).double(), None)], Repair())  # fmt: skip
    assert list(found.layers) == ["b.weight"]
    assert list(found.skipped) == ["a.weight"]
