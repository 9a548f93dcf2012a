from typing import Any

import pytest
import torch
from spaces import IMAGE, checked, image_net, members, numbers, programs, reason, sizes, units
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space import trace

BOTH = {"a": 8, "b": 4}


@pytest.mark.parametrize(
    "module",
    [
        *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.CELU(), nn.GELU()),
        *(nn.SiLU(), nn.SiLU(inplace=True), nn.Mish(), nn.Hardswish(), nn.Hardswish(inplace=True), nn.Hardsigmoid()),
        *(nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.LogSigmoid(), nn.Tanhshrink(), nn.Hardtanh()),
        *(nn.Hardshrink(), nn.Softshrink(), nn.Threshold(0.1, 0.2), nn.PReLU(), nn.PReLU(8), nn.Identity()),
        *(nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), nn.FeatureAlphaDropout()),
    ],
    ids=repr,
)
def test_modules_of_one_tensor(module: nn.Module) -> None:
    space = checked(image_net(module), IMAGE)
    assert sizes(space) == BOTH
    assert ("middle.weight[0]" in members(space, "a")) == (getattr(module, "num_parameters", 1) == 8)


@pytest.mark.parametrize(
    "function",
    [
        *(torch.abs, torch.clone, torch.exp, torch.square, torch.sin, torch.sign, torch.nan_to_num),
        lambda h: 2 * h - 1,
        lambda h: 1 - h,
        lambda h: h.clamp(0, 1).detach().contiguous(),
        lambda h: torch.where(h > 0, h, -h),
        lambda h: h.masked_fill(h > 0, 0.5),
        lambda h: h.masked_fill_(h > 0, 0.5),
        lambda h: functional.dropout(h, 0.0, True),
        lambda h: h.add_(1).mul_(2).sigmoid_(),
        lambda h: functional.threshold_(h.abs_().sub_(0.5), 0.1, 0.2),
        lambda h: h * h.mean((2, 3), keepdim=True),
        lambda h: h.to(torch.float32).double(),
        lambda h: (h > 0).double() + h.gt(0.1) * h.le(2.0),
        lambda h: torch.complex(h, 2 * h).abs(),
        lambda h: torch.polar(h.abs(), h).real,
        lambda h: h + torch.zeros_like(h) + torch.ones_like(h) + torch.full_like(h, 2),
        lambda h: h + h.new_zeros(h.shape) + h.new_ones(h.shape) * h.new_full(h.shape, 2.0),
        lambda h: h.new_empty(h.shape).copy_(h),
        lambda h: torch.add(h, 1, out=torch.empty_like(h)),
        lambda h: h + 0 * torch.rand_like(h),
        lambda h: h * torch.tensor(2.0),
        lambda h: h * torch.arange(8.0),
        lambda h: h * (1 if h.mean().item() > 1e6 else 2),
    ],
)
def test_functions_of_one_tensor(function: Any) -> None:
    space = checked(image_net(lambda s, h: function(h)), IMAGE)
    assert sizes(space) == BOTH
    assert programs(space) == set()


def written(into: Any) -> Any:
    def step(_: Any, h: Tensor) -> Tensor:
        copy = h.clone()
        into(copy, h)
        return copy

    return step


@pytest.mark.parametrize(
    "into",
    [
        lambda t, h: t[:, :, 0].fill_(1.0),
        lambda t, h: t[:, :, 0].copy_(h[:, :, 1]),
        lambda t, h: t[:, :, ::2].mul_(2).add_(h[:, :, 1::2]),
        lambda t, h: t[:, :4].zero_(),
        lambda t, h: t[:, 2:4].mul_(2),
        lambda t, h: t[:, :4].copy_(h[:, :4].relu()),
        lambda t, h: t.masked_fill_(h < 0, 0.0),
    ],
)
def test_writing_into_a_part(into: Any) -> None:
    """Whatever is written into a slice shows in the tensor it was cut from."""
    assert sum(sizes(checked(image_net(written(into)), IMAGE)).values()) == 12


@pytest.mark.parametrize(
    "into",
    [
        lambda t, h: t[:, :4].copy_(h[:, 4:]),
        lambda t, h: t.index_copy_(1, torch.tensor([0]), h[:, 3:4]),
        lambda t, h: t.scatter_(1, torch.zeros(2, 1, 8, 8, dtype=torch.int64), 1.0),
    ],
)
def test_writing_channels_into_others_ties_or_freezes(into: Any) -> None:
    assert sum(sizes(checked(image_net(written(into)), IMAGE)).values()) <= 8


@pytest.mark.parametrize(
    "function",
    [
        torch.add, torch.sub, torch.mul, torch.maximum, lambda a, b: a / (b.exp() + 1), lambda a, b: a.mul_(b),
        lambda a, b: torch.lerp(a, b, 0.3), lambda a, b: torch.where(a > b, a, b), lambda a, b: torch.addcmul(a, a, b),
        lambda a, b: a.copysign(b), torch.max, lambda a, b: a.new_zeros(a.shape).add_(b),
    ],
)  # fmt: skip
def test_operands_that_meet_are_tied(function: Any) -> None:
    space = checked(image_net(lambda s, h: function(h, s.c(h.detach())), c=nn.Conv2d(8, 8, 1)), IMAGE)
    assert sizes(space) == BOTH
    assert {"a.weight[0]", "c.weight[0]", "c.weight[1]", "b.weight[1]"} <= members(space, "a")


@pytest.mark.parametrize("other", [nn.Conv2d(8, 1, 1), torch.ones(1, 1, 8, 8), torch.ones(8)])
def test_what_broadcasts_along_the_channels_ties_nothing(other: Any) -> None:
    """One channel of attention, an image, a row of pixels."""
    value = (lambda s, h: s.other(h)) if isinstance(other, nn.Module) else (lambda s, _: s.other)
    assert sizes(checked(image_net(lambda s, h: h * value(s, h), other=other), IMAGE)) == BOTH


@pytest.mark.parametrize("shape", [(8, 1, 1), (1, 8, 1, 1), (8, 8, 8), (1, 8, 8, 1)])
@pytest.mark.parametrize("parameter", [False, True])
def test_parameters_and_buffers_shrink_along(shape: tuple[int, ...], parameter: bool) -> None:
    """A scale per layer or per channel, a gate that is a parameter of its own."""
    values = torch.linspace(1, 2, int(torch.tensor(shape).prod())).reshape(shape)
    scale = nn.Parameter(values) if parameter else values
    for gated in (lambda s, h: h * s.scale, lambda s, h: h + s.scale, lambda s, h: h * s.scale.sigmoid()):
        space = checked(image_net(gated, scale=scale), IMAGE)
        assert f"scale[{shape.index(8)}]" in members(space, "a")


def test_a_division_by_a_parameter() -> None:
    """The masked network divides zero by zero there, which stands for nothing."""
    space = checked(image_net(lambda s, h: h / s.scale, scale=nn.Parameter(torch.ones(8, 1, 1))), IMAGE)
    assert "scale[0]" in members(space, "a")


def test_a_gate_normalised_over_its_channels() -> None:
    model = image_net(lambda s, h: h * functional.normalize(s.g, dim=0)[:, None, None], g=nn.Parameter(torch.ones(8)))
    assert "g[0]" in members(checked(model, IMAGE), "a")


def test_weights_that_are_rounded_as_a_quantiser_would() -> None:
    def rounded(s: Any, h: Tensor) -> Tensor:
        weight = torch.fake_quantize_per_channel_affine(s.c.weight, s.steps, s.zeros, 0, -128, 127)
        return torch.fake_quantize_per_tensor_affine(functional.conv2d(h, weight.double()).float(), 0.1, 0, -128, 127)

    parts = {"c": nn.Conv2d(8, 6, 1), "steps": torch.full((6,), 0.1), "zeros": torch.zeros(6, dtype=torch.int32)}
    model = image_net(lambda s, h: rounded(s, h).double(), 6, **parts)
    model.c.float()
    model.steps = model.steps.float()
    space = trace(model, IMAGE)
    assert sizes(space) == {"a": 8, "c": 6, "b": 4}
    assert members(space, "c") == {"c.weight[0]", "steps[0]", "zeros[0]", "b.weight[1]"}


def test_an_outer_product_keeps_both_axes_free_until_something_meets_it() -> None:
    def outer(self: Any, h: Tensor) -> Tensor:
        return (self.c(h)[:, :, None] * self.d(h)[:, None]).flatten(1, 2)

    parts = {"c": nn.Conv2d(8, 5, 1), "d": nn.Conv2d(8, 3, 1)}
    space = checked(image_net(outer, 15, **parts), IMAGE)
    assert sizes(space) == {"a": 8, "c": 5, "d": 3, "b": 4}
    assert units(space, "b.weight", 1) == [
        tuple(unit for unit in range(8, 13) for _ in range(3)), tuple(range(13, 16)) * 5
    ]  # fmt: skip


def test_channels_that_meet_a_product_become_two_factors() -> None:
    def outer(self: Any, h: Tensor) -> Tensor:
        return (self.c(h)[:, :, None] * self.d(h)[:, None]).flatten(1, 2) * self.e(h)

    parts = {"c": nn.Conv2d(8, 5, 1), "d": nn.Conv2d(8, 3, 1), "e": nn.Conv2d(8, 15, 1)}
    space = checked(image_net(outer, 15, **parts), IMAGE)
    assert sizes(space) == {"a": 8, "c": 5, "d": 3, "b": 4}
    assert "e.weight[0]" in members(space, "c") & members(space, "d")


def test_an_op_with_several_results_freezes() -> None:
    assert reason(checked(image_net(lambda s, h: torch.frexp(h)[0]), IMAGE)) == "op 'frexp' has no rule"


def test_squeeze_and_excitation_and_layer_scale() -> None:
    def excited(self: Any, h: Tensor) -> Tensor:
        scale = self.up(self.down(h.mean((2, 3))).relu()).sigmoid()
        return h + self.gamma[:, None, None] * h * scale[:, :, None, None]

    parts = {"down": nn.Linear(8, 3), "up": nn.Linear(3, 8), "gamma": nn.Parameter(torch.zeros(8))}
    space = checked(image_net(excited, **parts), IMAGE)
    assert sizes(space) == {"a": 8, "down": 3, "b": 4}
    assert {"gamma[0]", "down.weight[1]", "up.weight[0]"} <= members(space, "a")


def test_a_batch_of_one_is_nothing_special() -> None:
    assert sizes(checked(image_net(nn.ReLU()), numbers(1, 3, 8, 8))) == BOTH
