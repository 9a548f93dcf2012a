from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space import PruningSpace, trace

X = torch.linspace(-3, 3, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8).sin()


def checked(forward: Any, inputs: Tensor = X, **parts: Any) -> PruningSpace:
    model = Function(forward, **parts)
    space = trace(model, inputs)
    for ratio in (0.0, 0.5, 1.0):
        check(model, (inputs,), space, space.uniform(ratio))
    return space


def image_net(window: Any) -> PruningSpace:
    parts = {"a": nn.Conv2d(3, 6, 1), "b": nn.Conv2d(6, 4, 1), "fc": nn.Linear(4, 2)}
    return checked(lambda s, x: s.fc(s.b(window(s.a(x))).flatten(2).mean(2)), **parts)


def reason(space: PruningSpace) -> str:
    return {entry.tensor: entry.reason for entry in space.frozen}["a.bias"]


@pytest.mark.parametrize(
    "window",
    [
        *(
            nn.MaxPool2d(2),
            nn.AvgPool2d(3, 1, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.AdaptiveAvgPool2d(3),
            nn.AdaptiveMaxPool2d(2),
        ),
        *(
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Upsample(size=5, mode="bicubic"),
        ),
        *(nn.ReflectionPad2d(1), nn.ReplicationPad2d(1), nn.ZeroPad2d(1), nn.LPPool2d(2, 2), nn.Softmax(2)),
        lambda h: functional.max_pool2d(h, 2, return_indices=True)[0],
        lambda h: h.mean((2, 3), keepdim=True),
        lambda h: h.amax((2, 3), keepdim=True) - h.amin((2, 3), keepdim=True),
        lambda h: h.sum(2)[:, :, None],
        lambda h: h.var((2, 3), keepdim=True) + h.std((2, 3), keepdim=True),
        lambda h: h.log_softmax(3).cumsum(2),
        lambda h: h.mean(0, keepdim=True),
    ],
)
def test_windows_leave_channels_alone(window: Any) -> None:
    assert [(group.name, group.size) for group in image_net(window).groups] == [("a", 6), ("b", 4)]


@pytest.mark.parametrize(
    ("window", "op"),
    [
        (nn.Softmax(1), "_softmax"),
        (nn.Softmax2d(), "_softmax"),
        (lambda h: h.log_softmax(1), "_log_softmax"),
        (lambda h: h - h.mean(1, keepdim=True), "mean"),
        (lambda h: h / h.abs().sum(-3, keepdim=True), "sum"),
        (lambda h: h - h.mean(), "mean"),
        (lambda h: h - h.amax((1, 2, 3), keepdim=True), "amax"),
        (lambda h: h.cumsum(1), "cumsum"),
        (lambda h: nn.functional.avg_pool2d(h.transpose(1, 2), 3, 1, 1).transpose(1, 2), "avg_pool2d"),
    ],
)
def test_mixing_channels_freezes_them(window: Any, op: str) -> None:
    space = image_net(window)
    assert [group.name for group in space.groups] == ["b"]
    assert reason(space) == f"op '{op}' mixes this axis"


@pytest.mark.parametrize(("dim", "sizes"), [(1, (6,)), (-2, (6,)), ([1], (6,)), (2, ()), ((1, 2), ()), (None, ())])
def test_only_a_reduction_over_the_channels_freezes_tokens(dim: Any, sizes: tuple[int, ...]) -> None:
    tokens = X.flatten()[: 2 * 6 * 5].reshape(2, 6, 5)
    parts = {"a": nn.Linear(5, 6), "fc": nn.Linear(6, 2)}
    model = Function(lambda s, x: s.fc(s.a(x).mean(dim)) if sizes else s.a(x).mean(dim), **parts)
    assert trace(model, tokens).sizes == sizes


def test_pooling_in_one_and_three_dimensions() -> None:
    line, volume = X.flatten()[:24].reshape(1, 2, 12), X.flatten()[:216].reshape(1, 1, 6, 6, 6)
    parts: dict[str, Any] = {"fc": nn.Linear(6, 2)}
    for pool in (nn.MaxPool1d(2), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(3), nn.Upsample(scale_factor=2, mode="linear")):
        space = checked(lambda s, x: s.fc(s.pool(s.a(x)).mean(2)), line, a=nn.Conv1d(2, 6, 1), pool=pool, **parts)
        assert space.sizes == (6,)
    for pool in (nn.MaxPool3d(2), nn.AvgPool3d(2), nn.AdaptiveAvgPool3d(2), nn.Upsample(scale_factor=2)):
        space = checked(
            lambda s, x: s.fc(s.pool(s.a(x)).mean((2, 3, 4))), volume, a=nn.Conv3d(1, 6, 1), pool=pool, **parts
        )
        assert space.sizes == (6,)
