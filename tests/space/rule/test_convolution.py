from typing import Any

import pytest
import torch
from spaces import IMAGE, attributes, checked, image_net, members, numbers, programs, reason, seeded, sizes, units
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops

from cpruner.candidate import materialise

conv = nn.Conv2d


@pytest.mark.parametrize(
    ("middle", "channels", "groups"),
    [
        (conv(8, 6, 3), 6, {"a": 8, "middle": 6, "b": 4}),
        (conv(8, 6, (1, 3), 2, (0, 2), (1, 2), bias=False), 6, {"a": 8, "middle": 6, "b": 4}),
        (conv(8, 6, 3, padding="same"), 6, {"a": 8, "middle": 6, "b": 4}),
        (conv(8, 1, 3), 1, {"a": 8, "b": 4}),
        (conv(8, 8, 3, groups=8), 8, {"a": 8, "b": 4}),
        (conv(8, 16, 3, groups=8, bias=False), 16, {"a": 8, "middle": 2, "b": 4}),
        (conv(8, 8, 3, groups=4), 8, {"a#1": 2, "a#2": 4, "middle": 2, "b": 4}),
        (conv(8, 12, 3, groups=4, bias=False), 12, {"a#1": 2, "a#2": 4, "middle": 3, "b": 4}),
        (conv(8, 4, 3, groups=4), 4, {"a#1": 4, "a#2": 2, "b": 4}),
        (conv(8, 12, 3, groups=2), 12, {"a#1": 4, "a#2": 2, "middle": 6, "b": 4}),
        (nn.ConvTranspose2d(8, 6, 2, stride=2, output_padding=1), 6, {"a": 8, "middle": 6, "b": 4}),
        (nn.ConvTranspose2d(8, 1, 2, bias=False), 1, {"a": 8, "b": 4}),
        (nn.ConvTranspose2d(8, 8, 2, groups=8), 8, {"a": 8, "b": 4}),
        (nn.ConvTranspose2d(8, 16, 2, groups=8), 16, {"a": 8, "middle": 2, "b": 4}),
        (nn.ConvTranspose2d(8, 12, 2, groups=4, bias=False), 12, {"a#1": 4, "a#2": 2, "middle": 3, "b": 4}),
        (nn.ConvTranspose2d(8, 4, 2, groups=2), 4, {"a#1": 2, "a#2": 4, "middle": 2, "b": 4}),
    ],
)
def test_convolutions_of_images(middle: nn.Module, channels: int, groups: dict[str, int]) -> None:
    assert sizes(checked(image_net(middle, channels), IMAGE)) == groups


@pytest.mark.parametrize("masked", [False, True])
def test_a_deformable_convolution(masked: bool) -> None:
    def deformed(s: Any, h: Tensor) -> Tensor:
        places, weights = s.places(h), s.weights(h).sigmoid() if masked else None
        return ops.deform_conv2d(h, places, s.w, s.bias, padding=1, mask=weights)

    parts = {
        "places": conv(8, 18, 3, padding=1),
        "weights": conv(8, 9, 3, padding=1),
        "w": nn.Parameter(numbers(6, 8, 3, 3)),
    }
    space = checked(image_net(deformed, 6, **parts, bias=nn.Parameter(numbers(6))), IMAGE)
    assert sizes(space) == {"a": 8, "w": 6, "b": 4}
    assert reason(space, "places.weight[0]").startswith("as many places as the window")


def test_a_deformable_convolution_of_several_groups_stays() -> None:
    def deformed(s: Any, h: Tensor) -> Tensor:
        return ops.deform_conv2d(h, s.places(h), s.w, padding=1)

    parts = {"places": conv(8, 18, 3, padding=1), "w": nn.Parameter(numbers(6, 4, 3, 3))}
    space = checked(image_net(deformed, 6, **parts), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "a deformable convolution of several groups has no rule"


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_modes(mode: str) -> None:
    middle = conv(8, 6, 3, padding=1, padding_mode=mode)
    assert sizes(checked(image_net(middle, 6), IMAGE)) == {"a": 8, "middle": 6, "b": 4}


@pytest.mark.parametrize(
    ("kinds", "shape"),
    [
        ((nn.Conv1d, nn.ConvTranspose1d, nn.AdaptiveAvgPool1d), (2, 3, 9)),
        ((nn.Conv2d, nn.ConvTranspose2d, nn.AdaptiveAvgPool2d), (2, 3, 5, 5)),
        ((nn.Conv3d, nn.ConvTranspose3d, nn.AdaptiveAvgPool3d), (2, 3, 4, 4, 4)),
    ],
)
def test_one_two_and_three_dimensions(kinds: tuple[Any, Any, Any], shape: tuple[int, ...]) -> None:
    plain, transposed, pool = kinds
    layers = {
        "a": plain(3, 8, 2), "up": transposed(8, 6, 2), "deep": plain(6, 6, 2, groups=6),
        "wide": transposed(6, 6, 2, groups=3), "point": plain(6, 5, 1), "pool": pool(1), "fc": nn.Linear(5, 2),
    }  # fmt: skip

    def forward(self: Any, x: Tensor) -> Tensor:
        for name in ("a", "up", "deep", "wide", "point", "pool"):
            x = getattr(self, name)(x)
        return self.fc(x.flatten(1))

    space = checked(seeded(forward, **layers), numbers(*shape))
    assert sizes(space) == {"a": 8, "up#1": 3, "up#2": 2, "wide": 2, "point": 5}
    assert {"up.weight[1]", "deep.weight[0]", "wide.weight[0]", "point.weight[1]"} <= members(space, "up#1")
    assert {"up.weight[1]", "deep.weight[0]", "wide.weight[0]"} <= members(space, "up#2")


def test_an_image_without_a_batch() -> None:
    model = seeded(lambda s, x: s.b(s.a(x)).mean((1, 2)), a=conv(3, 8, 3), b=conv(8, 2, 1))
    assert sizes(checked(model, IMAGE[0])) == {"a": 8}


def test_groups_input_positions_and_output_positions_go_separately() -> None:
    """Eight channels in four groups of two, twelve in four of three: units 0-1, 2-5 and 6-8."""
    space = checked(image_net(conv(8, 12, 3, groups=4), 12), IMAGE)
    whole = (2, 3, 4, 5)
    assert units(space, "a.weight", 0) == [(0, 1) * 4, tuple(g for g in whole for _ in range(2))]
    assert units(space, "middle.weight", 0) == [tuple(g for g in whole for _ in range(3)), (6, 7, 8) * 4]
    assert units(space, "middle.weight", 1) == [(0, 1)]
    named = {name: size for (module, name), size in attributes(space).items() if module == "middle"}
    assert named == {"groups": 4, "in_channels": 8, "out_channels": 12}


def test_half_the_groups_with_half_the_positions_are_a_quarter_of_the_channels() -> None:
    """The work of the grouped convolution falls to an eighth: groups, input positions and output positions."""
    model = image_net(conv(8, 16, 3, groups=4, bias=False), 16)
    space = checked(model, IMAGE)
    small = materialise(model, space.uniform(0.5))
    assert small.middle.weight.shape == (2 * 2, 1, 3, 3)
    assert (small.middle.groups, small.middle.in_channels, small.middle.out_channels) == (2, 2, 4)


def test_a_depthwise_multiplier_is_a_group_of_output_positions() -> None:
    space = checked(image_net(conv(8, 16, 3, groups=8), 16), IMAGE)
    assert units(space, "a.weight", 0) == [tuple(range(8))]
    assert units(space, "middle.weight", 0) == [tuple(unit for unit in range(8) for _ in range(2)), (8, 9) * 8]


def test_a_grouped_transposed_convolution() -> None:
    """Its weight is (C_in, C_out / groups, ...)."""
    space = checked(image_net(nn.ConvTranspose2d(8, 12, 2, groups=4), 12), IMAGE)
    whole, inside = tuple(g for g in range(4) for _ in range(2)), (4, 5) * 4
    assert units(space, "middle.weight", 0) == [whole, inside]
    assert units(space, "middle.weight", 1) == [(6, 7, 8)]
    assert units(space, "middle.bias", 0) == [tuple(g for g in range(4) for _ in range(3)), (6, 7, 8) * 4]


def test_channels_that_must_stay_keep_their_group_and_their_position() -> None:
    """Channel 5 of eight in four groups of two is the second one of the third group."""

    def read(self: Any, h: Tensor) -> Tensor:
        return self.mix(h) * h[:, 5:6]

    space = checked(image_net(read, 12, mix=conv(8, 12, 1, groups=4)), IMAGE)
    assert sizes(space) == {"a": 3, "mix": 3, "b": 4}


def test_convolutions_in_two_and_in_four_groups_share_what_both_can_lose() -> None:
    space = checked(
        image_net(lambda s, h: s.four(h) + s.two(h), four=conv(8, 8, 1, groups=4), two=conv(8, 8, 1, groups=2)), IMAGE
    )
    assert sizes(space) == {"a#1": 2, "a#2": 2, "four": 2, "b": 4}


@pytest.mark.parametrize("transposed", [False, True])
def test_a_grouped_convolution_of_the_input_keeps_its_channels(transposed: bool) -> None:
    kind = nn.ConvTranspose2d if transposed else conv
    model = seeded(
        lambda s, x: s.fc(s.a(s.deep(x)).mean((2, 3))),
        deep=kind(3, 6, 3, groups=3),
        a=conv(6, 8, 1),
        fc=nn.Linear(8, 2),
    )
    space = checked(model, IMAGE)
    assert sizes(space) == {"a": 8}
    assert reason(space, "deep.weight[0]") == "reads a tensor of fixed size"


@pytest.mark.parametrize(("groups", "names"), [(8, {"a", "b"}), (4, {"a#1", "a#2", "w", "b"})])
def test_a_grouped_convolution_with_a_computed_weight(groups: int, names: set[str]) -> None:
    """The number of groups stands in the code, so whole groups can only go when a program replaces it."""
    weight = nn.Parameter(torch.zeros(8, 8 // groups, 3, 3))
    model = image_net(lambda s, h: functional.conv2d(h, s.w.tanh(), groups=groups), w=weight)
    space = checked(model, IMAGE)
    assert set(sizes(space)) == names
    assert programs(space) == {""}


def test_a_computed_weight_of_a_plain_convolution_is_cut() -> None:
    def standardised(self: Any, h: Tensor) -> Tensor:
        weight = self.c.weight
        spread = weight.std((1, 2, 3), keepdim=True)
        return functional.conv2d(h, (weight - weight.mean((1, 2, 3), keepdim=True)) / (spread + 1e-5))

    space = checked(image_net(standardised, 6, c=conv(8, 6, 3, bias=False)), IMAGE)
    assert sizes(space) == {"a": 8, "c": 6, "b": 4}


@pytest.mark.parametrize("axes", [(0, 2, 1, 3), (2, 0, 1, 3)])
def test_channels_along_another_axis_of_a_convolution_stay(axes: tuple[int, ...]) -> None:
    """Moved to the rows of the image they are mixed by the kernel; moved to the batch they are like examples."""
    back = torch.tensor(axes).argsort().tolist()
    inner = 8 if axes[1] == 2 else 2
    model = image_net(lambda s, h: s.k(h.permute(axes)).permute(back), k=conv(inner, inner, 3, padding=1))
    space = checked(model, IMAGE)
    assert "a" not in sizes(space)
    assert "varies along another axis than the channels" in reason(space)


def test_a_kernel_made_of_channels_of_the_image() -> None:
    """Every image is convolved with kernels that a small network makes of it."""

    def dynamic(self: Any, h: Tensor) -> Tensor:
        kernel = self.g(h.mean((2, 3))).view(16, 1, 3, 3)
        return functional.conv2d(h.reshape(1, 16, 8, 8), kernel, groups=16, padding=1).view(2, 8, 8, 8)

    space = checked(image_net(dynamic, g=nn.Linear(8, 72)), IMAGE)
    assert sizes(space)["a"] == 8


def test_kernel_windows_are_not_worth_a_line() -> None:
    space = checked(image_net(conv(8, 6, 3), 6), IMAGE)
    assert not any(entry.axis > 1 for entry in space.frozen)
