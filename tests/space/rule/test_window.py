from typing import Any

import pytest
import torch
from spaces import IMAGE, TOKENS, checked, image_net, numbers, programs, reason, seeded, sizes, token_net
from torch import Tensor, nn
from torch.nn import functional

BOTH = {"a": 8, "b": 4}


@pytest.mark.parametrize(
    "window",
    [
        *(nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1, 2), nn.AvgPool2d(3, 1, 1), nn.LPPool2d(2, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(3), nn.AdaptiveMaxPool2d(2), nn.Softmax(2), nn.Softmin(3)),
        *(nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Upsample(5, mode="bicubic")),
        *(nn.Upsample(5, mode="nearest-exact"), nn.Upsample(4, mode="area"), nn.ReflectionPad2d(1), nn.ZeroPad2d(1)),
        *(nn.ReplicationPad2d(1), nn.ConstantPad2d(1, 2.0), nn.CircularPad2d(1), nn.CircularPad2d((2, 1, 0, 3))),
    ],
    ids=repr,
)
def test_modules_that_mix_positions_leave_channels_alone(window: nn.Module) -> None:
    space = checked(image_net(window), IMAGE)
    assert sizes(space) == BOTH
    assert programs(space) == set()


@pytest.mark.parametrize(
    "window",
    [
        lambda h: functional.max_pool2d(h, 2, return_indices=True)[0],
        lambda h: functional.interpolate(h, (5, 5), mode="bilinear", antialias=True),
        lambda h: functional.interpolate(h, (5, 5), mode="bicubic", antialias=True),
        lambda h: functional.interpolate(h, h.shape[2:]),
        lambda h: h.mean((2, 3), keepdim=True),
        lambda h: h.amax((2, 3), keepdim=True) - h.amin((2, 3), keepdim=True),
        lambda h: h.sum(2)[:, :, None],
        lambda h: h.prod(2, keepdim=True),
        lambda h: h.var((2, 3), keepdim=True) + h.std((2, 3), keepdim=True),
        lambda h: torch.var_mean(h, (2, 3), keepdim=True)[1],
        lambda h: h.log_softmax(3).cumsum(2).cumprod(3).logcumsumexp(2),
        lambda h: h.logsumexp((2, 3), keepdim=True),
        lambda h: h.mean(0, keepdim=True),
        lambda h: h.max(3, keepdim=True)[0] - h.min(-1, keepdim=True).values,
        lambda h: h.median(2, keepdim=True)[0] + h.kthvalue(2, 2, keepdim=True)[0] + h.mode(2, keepdim=True)[0],
        lambda h: h.sort(3, descending=True)[0] + h.sort(dim=2, stable=True)[0],
        lambda h: h.topk(3, 2)[0],
        lambda h: h.cummax(3)[0] - h.cummin(2)[0],
        lambda h: h * (h > 0).any(2, keepdim=True) * (h > -9).all(3, keepdim=True),
        lambda h: h + h.argmax(3, keepdim=True),
        lambda h: h.norm(dim=(2, 3), keepdim=True) * h,
        lambda h: torch.linalg.vector_norm(h, 3, (2, 3), keepdim=True) * h,
        lambda h: functional.normalize(h, dim=2),
        lambda h: h.tril().triu(-2),
        lambda h: torch.fft.ifft2(torch.fft.fft2(h)).real,
        lambda h: torch.fft.irfft2(torch.fft.rfft2(h)),
        lambda h: torch.fft.rfft(h).abs(),
        lambda h: torch.fft.fftshift(h, dim=(2, 3)),
    ],
)
def test_functions_that_mix_positions_leave_channels_alone(window: Any) -> None:
    space = checked(image_net(lambda s, h: window(h)), IMAGE)
    assert sizes(space) == BOTH
    assert programs(space) == set()


@pytest.mark.parametrize(
    ("window", "op"),
    [
        (nn.Softmax(1), "_softmax"),
        (nn.Softmax2d(), "_softmax"),
        (lambda s, h: h.log_softmax(1), "_log_softmax"),
        (lambda s, h: h - h.median(1, keepdim=True)[0], "median"),
        (lambda s, h: h - h.logsumexp(1, keepdim=True), "logsumexp"),
        (lambda s, h: h * h.prod(1, keepdim=True), "prod"),
        (lambda s, h: h + h.argmax(1, keepdim=True), "argmax"),
        (lambda s, h: h * (h > 0).any(1, keepdim=True), "any"),
        (lambda s, h: h.cumsum(1), "cumsum"),
        (lambda s, h: h.sort(1)[0], "sort"),
        (lambda s, h: h.transpose(1, 3).tril().transpose(1, 3), "tril"),
        (lambda s, h: torch.fft.fft(h, dim=1).real, "_fft_r2c"),
        (lambda s, h: functional.avg_pool2d(h.transpose(1, 2), 3, 1, 1).transpose(1, 2), "avg_pool2d"),
    ],
)
def test_mixing_channels_freezes_them(window: Any, op: str) -> None:
    space = checked(image_net(window), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == f"op '{op}' mixes this axis"


@pytest.mark.parametrize(
    "window",
    [
        lambda s, h: h - h.amax(1, keepdim=True),
        lambda s, h: h * h.amin((1, 2, 3), keepdim=True).sigmoid(),
        lambda s, h: h / h.max(),
        lambda s, h: h - h.max(1, keepdim=True)[0] * h.min(1, keepdim=True).values,
        lambda s, h: h * torch.cat([h.mean(1, keepdim=True), h.amax(1, keepdim=True)], 1).sum(1, keepdim=True).tanh(),
    ],
)
def test_a_maximum_across_channels_is_that_of_those_that_are_kept(window: Any) -> None:
    space = checked(image_net(window), IMAGE)
    assert sizes(space) == BOTH
    assert any(across.channels is not None for across in space.norms)


def test_the_place_of_a_maximum_is_counted_among_all() -> None:
    space = checked(image_net(lambda s, h: h + h.max(1, keepdim=True).indices), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "op 'max' mixes this axis"


def test_pieces_of_a_maxout_and_the_channels_they_are_taken_over() -> None:
    space = checked(image_net(lambda s, h: h.unflatten(1, (4, 2)).amax(2), 4), IMAGE)
    assert sizes(space) == {"a#1": 4, "a#2": 2, "b": 4}


def test_the_best_of_all_channels() -> None:
    space = checked(image_net(lambda s, h: h.topk(3, 1)[0], 3), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "op 'topk' mixes this axis"


@pytest.mark.parametrize(
    "window",
    [
        lambda h: h + h.sum(1, keepdim=True),
        lambda h: h / (1 + h.norm(dim=1, keepdim=True)),
        lambda h: h / (1 + h.norm()),
        lambda h: h + h.sum(),
    ],
)
def test_sums_over_channels_miss_nothing(window: Any) -> None:
    """What is removed is zero in the masked network and adds nothing."""
    assert sizes(checked(image_net(lambda s, h: window(h)), IMAGE)) == BOTH


def test_a_sum_of_what_is_not_zero_is_found_by_the_proof() -> None:
    """A removed channel is zero, its sigmoid is not."""
    space = checked(image_net(lambda s, h: h + h.sigmoid().sum(1, keepdim=True)), IMAGE)
    assert sizes(space) == {"b": 4}
    assert "computes something else" in reason(space)


@pytest.mark.parametrize(
    "window",
    [
        lambda h: h - h.mean(1, keepdim=True),
        lambda h: h - h.mean(),
        lambda h: h - h.mean((1, 2), keepdim=True),
        lambda h: h * h.pow(2).mean(1, keepdim=True).add(1e-6).rsqrt(),
        lambda h: h / (1 + h.sigmoid().var((1, 2, 3), keepdim=True)),
        lambda h: h / (1 + h.std((1, 2, 3), keepdim=True)),
        lambda h: h / (1 + torch.var_mean(h, (1, 2), keepdim=True)[0]),
        lambda h: h / (1 + h.var(1, keepdim=True, unbiased=False)),
    ],
)
def test_statistics_over_channels_run_over_what_is_kept(window: Any) -> None:
    assert sizes(checked(image_net(lambda s, h: window(h)), IMAGE)) == BOTH


@pytest.mark.parametrize("name", ["std", "var"])
def test_the_spread_of_a_single_channel_is_nothing(name: str) -> None:
    space = checked(image_net(lambda s, h: h / (1 + getattr(h, name)(1, keepdim=True))), IMAGE)
    assert sizes(space) == {"a": 7, "b": 4}
    assert reason(space) == f"'{name}' needs two channels"


@pytest.mark.parametrize(("dim", "groups"), [(1, {"a": 8}), (-2, {"a": 8}), ([1], {"a": 8}), (2, {})])
def test_only_a_reduction_over_the_channels_freezes_tokens(dim: Any, groups: dict[str, int]) -> None:
    parts = {"a": nn.Linear(6, 8), "fc": nn.Linear(8, 2)}
    model = seeded(lambda s, x: s.fc(s.a(x).logsumexp(dim)) if groups else s.a(x).logsumexp(dim), **parts)
    assert sizes(checked(model, TOKENS)) == groups


def test_a_result_that_nobody_reads_freezes_nothing() -> None:
    """A model that looks at its channels on the way, for nothing."""

    def curious(_: Any, h: Tensor) -> Tensor:
        h.argmax(1)
        return h

    assert sizes(checked(image_net(curious), IMAGE)) == BOTH


@pytest.mark.parametrize(
    "window",
    [
        *(nn.MaxPool1d(2), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(3), nn.AdaptiveMaxPool1d(3), nn.LPPool1d(2, 2)),
        *(
            nn.Upsample(scale_factor=2, mode="linear"),
            nn.Upsample(scale_factor=2),
            nn.Upsample(7, mode="nearest-exact"),
        ),
        *(nn.ReflectionPad1d(1), nn.ReplicationPad1d(1), nn.CircularPad1d(1), nn.ZeroPad1d(1)),
    ],
    ids=repr,
)
def test_lines(window: nn.Module) -> None:
    parts = {"a": nn.Conv1d(2, 6, 1), "window": window, "fc": nn.Linear(6, 2)}
    model = seeded(lambda s, x: s.fc(s.window(s.a(x)).mean(2)), **parts)
    assert sizes(checked(model, numbers(2, 2, 12))) == {"a": 6}


@pytest.mark.parametrize(
    "window",
    [
        *(nn.MaxPool3d(2), nn.AvgPool3d(2), nn.AdaptiveAvgPool3d(2), nn.AdaptiveMaxPool3d(2), nn.LPPool3d(2, 2)),
        *(nn.Upsample(scale_factor=2), nn.Upsample(5, mode="trilinear"), nn.Upsample(5, mode="nearest-exact")),
        *(nn.ReflectionPad3d(1), nn.ReplicationPad3d(1), nn.CircularPad3d(1), nn.ZeroPad3d(1)),
    ],
    ids=repr,
)
def test_volumes(window: nn.Module) -> None:
    parts = {"a": nn.Conv3d(1, 6, 1), "window": window, "fc": nn.Linear(6, 2)}
    model = seeded(lambda s, x: s.fc(s.window(s.a(x)).mean((2, 3, 4))), **parts)
    assert sizes(checked(model, numbers(2, 1, 4, 4, 4))) == {"a": 6}


@pytest.mark.parametrize(
    "module", [nn.FractionalMaxPool2d(2, output_size=3, _random_samples=numbers(2, 8, 2).sigmoid())]
)
def test_a_window_without_a_rule_freezes(module: nn.Module) -> None:
    assert reason(checked(image_net(module), IMAGE)) == "op 'fractional_max_pool2d' has no rule"


def test_a_filter_in_the_frequency_domain() -> None:
    """A complex weight per channel and frequency, kept as pairs of real numbers."""

    def filtered(self: Any, h: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(h) * torch.view_as_complex(self.weight))

    space = checked(image_net(filtered, weight=nn.Parameter(torch.zeros(8, 8, 5, 2))), IMAGE)
    assert sizes(space) == BOTH
    assert reason(space, "weight[3]") == "real and imaginary part of one number"


def test_attention_over_channels_of_an_image_freezes_them() -> None:
    """Softmax over scores of channels is another thing when there are fewer; its inputs are free."""
    space = checked(
        token_net(lambda s, h: h * s.d(s.c(h).relu()).softmax(-1), c=nn.Linear(8, 5), d=nn.Linear(5, 8)), TOKENS
    )
    assert sizes(space) == {"c": 5}
