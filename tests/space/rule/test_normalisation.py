from typing import Any

import pytest
import torch
from invariants import run
from spaces import (
    IMAGE,
    TOKENS,
    attributes,
    checked,
    image_net,
    members,
    programs,
    reason,
    seeded,
    sizes,
    token_net,
    units,
)
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import masked, materialise
from cpruner.space import trace


def activated(norm: nn.Module) -> nn.Module:
    """A network in which zeros at the norm's output would not stay zeros."""
    return image_net(lambda s, h: s.norm(h).sigmoid(), norm=norm)


@pytest.mark.parametrize(
    ("norm", "vectors"),
    [
        (nn.BatchNorm2d(8), {"weight", "bias", "running_mean", "running_var"}),
        (nn.BatchNorm2d(8, affine=False), {"running_mean", "running_var"}),
        (nn.BatchNorm2d(8, track_running_stats=False), {"weight", "bias"}),
        (nn.InstanceNorm2d(8), set()),
        (nn.InstanceNorm2d(8, affine=True), {"weight", "bias"}),
        (
            nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
            {"weight", "bias", "running_mean", "running_var"},
        ),
    ],
)
@pytest.mark.parametrize("images", [1, 2])
def test_vectors_and_counts_go_where_the_channel_goes(norm: nn.Module, vectors: set[str], images: int) -> None:
    space = checked(activated(norm), IMAGE[:images])
    assert sizes(space) == {"a": 8, "b": 4}
    assert {member for member in members(space, "a") if "norm." in member} == {f"norm.{v}[0]" for v in vectors}
    assert attributes(space)["norm", "num_features"] == 8
    assert programs(space) == set()


@pytest.mark.parametrize(
    "rows",
    [
        lambda s, h: functional.instance_norm(h.transpose(1, 2)).transpose(1, 2),
        lambda s, h: s.norm(h.transpose(1, 2)).transpose(1, 2),
        lambda s, h: functional.batch_norm(h.transpose(0, 1), None, None, training=True).transpose(0, 1),
    ],
)
def test_statistics_of_the_input_are_taken_over_the_rows_that_are_kept(rows: Any) -> None:
    """Channels moved to the rows of the image: instance norm averages over them, batch norm in eval does not."""
    assert sizes(checked(image_net(rows, norm=nn.BatchNorm2d(8)), IMAGE)) == {"a": 8, "b": 4}


def test_of_two_axes_that_statistics_run_across_only_the_first_shrinks() -> None:
    def both(s: Any, h: Tensor) -> Tensor:
        sums = s.c(h).sum((2, 3))[:, :, None] * h.sum((2, 3))[:, None]
        return (functional.instance_norm(sums[:, None]).squeeze(1).sum(1)[..., None, None]).sigmoid() * h

    space = checked(image_net(both, c=nn.Conv2d(8, 6, 1)), IMAGE)
    assert sizes(space) == {"c": 6, "b": 4}
    assert reason(space) == "op 'native_batch_norm' mixes this axis"


def test_vectors_that_are_no_parameters_freeze() -> None:
    mean, var = torch.zeros(8, dtype=torch.float64), torch.ones(8, dtype=torch.float64)
    space = checked(image_net(lambda s, h: functional.batch_norm(h, mean, var)), IMAGE)
    assert reason(space) == "normalises channels of fixed number"


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(3), nn.GroupNorm(3, 3)])
def test_a_norm_of_the_input_keeps_its_channels(norm: nn.Module) -> None:
    model = seeded(lambda s, x: s.fc(s.a(s.n(x)).mean((2, 3))), n=norm, a=nn.Conv2d(3, 8, 3), fc=nn.Linear(8, 2))
    space = checked(model, IMAGE)
    assert sizes(space) == {"a": 8}
    assert reason(space, "n.weight[0]") == "normalises channels of fixed number"


@pytest.mark.parametrize(
    ("groups", "order"),
    [
        (1, tuple(range(8))),
        (2, (0, 1, 2, 3, 0, 1, 2, 3)),
        (4, (0, 0, 1, 1, 2, 2, 3, 3)),
        (8, tuple(range(8))),
    ],
)
@pytest.mark.parametrize("affine", [False, True])
def test_group_norm(groups: int, order: tuple[int, ...], affine: bool) -> None:
    """One group shrinks freely, few wide ones alike, many thin ones go whole."""
    space = checked(activated(nn.GroupNorm(groups, 8, affine=affine)), IMAGE)
    assert units(space, "a.weight", 0) == [order]
    assert attributes(space)["norm", "num_channels"] == 8
    assert (("norm", "num_groups") in attributes(space)) == (groups > 2)
    assert ("norm.weight[0]" in members(space, "a")) == affine


def test_a_group_norm_that_spans_two_layers() -> None:
    """Two groups over six and two channels: positions 0 and 1 of a group pair a layer with the other."""
    parts = {"c": nn.Conv2d(8, 6, 1), "d": nn.Conv2d(8, 2, 1), "norm": nn.GroupNorm(2, 8)}
    space = checked(image_net(lambda s, h: s.norm(torch.cat([s.c(h), s.d(h)], 1)), **parts), IMAGE)
    assert sizes(space) == {"a": 8, "c#1": 2, "c#2": 2, "b": 4}


NORMS = [
    nn.LayerNorm(8),
    nn.LayerNorm(8, bias=False),
    nn.LayerNorm(8, elementwise_affine=False),
    nn.RMSNorm(8),
    nn.RMSNorm(8, eps=1e-3),
    nn.RMSNorm(8, elementwise_affine=False),
]


@pytest.mark.parametrize("norm", NORMS)
def test_norms_over_the_last_axis_run_over_what_is_kept(norm: nn.Module) -> None:
    space = checked(token_net(lambda s, h: s.norm(h).sigmoid(), norm=norm), TOKENS)
    assert sizes(space) == {"a": 8}
    own = {f"norm.{name}[0]" for name, _ in norm.named_parameters()}
    assert {member for member in members(space, "a") if "norm." in member} == own
    assert attributes(space)["norm", "normalized_shape"] == 8
    assert programs(space) == set()


@pytest.mark.parametrize("norm", NORMS)
def test_the_reference_really_normalises_over_what_is_kept(norm: nn.Module) -> None:
    """Without ``KeptNorm`` the masked network would take statistics of the zeros too."""
    model = token_net(lambda s, h: s.norm(h).sigmoid(), norm=norm)
    space = trace(model, TOKENS)
    candidate = space.uniform(0.5)
    with masked(model, candidate):
        (naive,) = run(model, (TOKENS,))
    (result,) = run(materialise(model, candidate), (TOKENS,))
    assert (naive - result).abs().max() > 1e-3


class Last(nn.LayerNorm):
    """Layer norm of images, over their channels."""

    def forward(self, x: Tensor) -> Tensor:
        moved = functional.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return moved.permute(0, 3, 1, 2)


class Response(nn.Module):
    """Global response normalisation of ConvNeXt V2."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.zeros(1, 8, 1, 1)), nn.Parameter(torch.zeros(1, 8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        size = torch.norm(x, p=2, dim=(2, 3), keepdim=True)
        return self.scale * (x * size / (size.mean(1, keepdim=True) + 1e-6)) + self.shift + x


@pytest.mark.parametrize("norm", [Last(8), Response()])
def test_norms_over_the_channels_of_an_image(norm: nn.Module) -> None:
    space = checked(activated(norm), IMAGE)
    assert sizes(space) == {"a": 8, "b": 4}
    assert programs(space) == set()


@pytest.mark.parametrize(
    "norm",
    [
        lambda s, h: functional.layer_norm(h, (8,), s.w, s.v),
        lambda s, h: functional.rms_norm(h, (8,), s.w) + s.v,
        lambda s, h: functional.group_norm(h.transpose(1, 2), 1, s.w, s.v).transpose(1, 2),
    ],
)
def test_sizes_written_at_the_call(norm: Any) -> None:
    vectors = {"w": nn.Parameter(torch.zeros(8)), "v": nn.Parameter(torch.zeros(8))}
    space = checked(token_net(norm, **vectors), TOKENS)
    assert sizes(space) == {"a": 8}
    assert {"w[0]", "v[0]"} <= members(space, "a")


@pytest.mark.parametrize(
    "norm",
    [
        lambda s, h: functional.layer_norm(h, h.shape[-1:]),
        lambda s, h: (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt(),
        lambda s, h: h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6) * s.w,
        lambda s, h: functional.normalize(h, dim=-1) * s.w,
        lambda s, h: h / h.norm(dim=-1, keepdim=True),
    ],
)
def test_norms_written_by_hand(norm: Any) -> None:
    assert sizes(checked(token_net(norm, w=nn.Parameter(torch.zeros(8))), TOKENS)) == {"a": 8}


@pytest.mark.parametrize(
    ("norm", "groups"), [(nn.LayerNorm([8, 8, 8]), {"b": 4}), (nn.LayerNorm([8, 8]), {"a": 8, "b": 4})]
)
def test_norms_over_several_axes_keep_those_axes(norm: nn.Module, groups: dict[str, int]) -> None:
    space = checked(image_net(norm), IMAGE)
    assert sizes(space) == groups
    assert {reason(space, f"middle.weight[{axis}]") for axis in range(norm.weight.ndim)} == {
        "normalised over several axes"
    }


def test_tokens_that_a_norm_runs_over_stay_and_channels_go() -> None:
    """The norm runs along the axis of the tokens, of fixed number."""
    space = checked(token_net(lambda s, h: s.n(h.transpose(1, 2)).transpose(1, 2), n=nn.LayerNorm(5)), TOKENS)
    assert sizes(space) == {"a": 8}
    assert reason(space, "n.weight[0]") == "normalises channels of fixed number"


def test_a_norm_of_neighbouring_channels_freezes() -> None:
    space = checked(image_net(nn.LocalResponseNorm(3)), IMAGE)
    assert sizes(space) == {"b": 4}
    assert "mixes this axis" in reason(space)
