from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space import PruningSpace, trace

X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8)
conv = nn.Conv2d


def checked(forward: Any, inputs: Tensor = X, **parts: Any) -> PruningSpace:
    model = Function(forward, **parts)
    space = trace(model, inputs)
    for ratio in (0.0, 0.3, 0.6, 1.0):
        check(model, (inputs,), space, space.uniform(ratio))
    return space


def image_net(middle: nn.Module, channels: int, **parts: nn.Module) -> PruningSpace:
    """conv 3 -> 8, middle, mean, linear."""
    return checked(
        lambda s, x: s.fc(s.middle(s.a(x)).mean((2, 3))), a=conv(3, 8, 3), middle=middle, fc=nn.Linear(channels, 2)
    )


def sizes(space: PruningSpace) -> dict[str, int]:
    return {group.name: group.size for group in space.groups}


def reason(space: PruningSpace, axis: str) -> str:
    return {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}[axis]


@pytest.mark.parametrize(
    ("middle", "channels", "groups"),
    [
        (conv(8, 6, 3), 6, {"a": 8, "middle": 6}),
        (conv(8, 6, (1, 3), stride=2, dilation=(1, 2), padding=(0, 2), bias=False), 6, {"a": 8, "middle": 6}),
        (conv(8, 6, 3, padding="same"), 6, {"a": 8, "middle": 6}),
        (conv(8, 6, 3, padding=1, padding_mode="reflect"), 6, {"a": 8, "middle": 6}),
        (conv(8, 1, 3), 1, {"a": 8}),
        (conv(8, 8, 3, groups=8), 8, {"a": 8}),
        (conv(8, 16, 3, groups=8), 16, {"a": 8}),
        (conv(8, 8, 3, groups=4), 8, {"a": 4}),
        (conv(8, 12, 3, groups=4, bias=False), 12, {"a": 4}),
        (conv(8, 12, 3, groups=2), 12, {"a": 4, "middle": 6}),
        (nn.ConvTranspose2d(8, 6, 2, stride=2, output_padding=1), 6, {"a": 8, "middle": 6}),
        (nn.ConvTranspose2d(8, 1, 2), 1, {"a": 8}),
    ],
)
def test_convolutions(middle: nn.Module, channels: int, groups: dict[str, int]) -> None:
    assert sizes(image_net(middle, channels)) == groups


def test_a_group_is_removed_whole_when_groups_are_many() -> None:
    """Eight channels in four groups: units are pairs of neighbours."""
    space = image_net(conv(8, 12, 3, groups=4), 12)
    (cut,) = [cut for cut in space.plan.cuts if cut.tensor == "a.weight"]
    assert cut.units == (0, 0, 1, 1, 2, 2, 3, 3)
    attributes = {(size.module, size.attribute): size.units for size in space.plan.attributes}
    assert attributes["middle", "groups"] == (0, 1, 2, 3)
    assert attributes["middle", "out_channels"] == (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)


def test_every_group_loses_the_same_positions_when_groups_are_few() -> None:
    space = image_net(conv(8, 12, 3, groups=2), 12)
    units = {(cut.tensor, cut.axis): cut.units for cut in space.plan.cuts}
    assert units["a.weight", 0] == (0, 1, 2, 3, 0, 1, 2, 3)
    assert units["middle.weight", 1] == (0, 1, 2, 3)
    assert units["middle.weight", 0] == (4, 5, 6, 7, 8, 9) * 2
    attributes = {(size.module, size.attribute): size.units for size in space.plan.attributes}
    assert attributes["middle", "in_channels"] == units["a.weight", 0]
    assert ("middle", "groups") not in attributes


@pytest.mark.parametrize("groups", [2, 8])
def test_a_grouped_transposed_convolution_keeps_its_channels(groups: int) -> None:
    space = image_net(nn.ConvTranspose2d(8, 8, 2, groups=groups), 8)
    assert space.groups == ()
    assert reason(space, "a.weight[0]") == "grouped transposed convolution"


def test_a_grouped_convolution_of_the_input_keeps_its_channels() -> None:
    space = checked(
        lambda s, x: s.fc(s.a(s.deep(x)).mean((2, 3))),
        deep=conv(3, 6, 3, groups=3),
        a=conv(6, 8, 1),
        fc=nn.Linear(8, 2),
    )
    assert sizes(space) == {"a": 8}
    assert reason(space, "deep.weight[0]") == "reads a tensor of fixed size"


def test_a_grouped_convolution_with_a_computed_weight_keeps_its_channels() -> None:
    space = checked(
        lambda s, x: s.fc(functional.conv2d(s.a(x), 2 * s.deep.weight, groups=8).mean((2, 3))),
        a=conv(3, 8, 3), deep=conv(8, 8, 3, groups=8, bias=False), fc=nn.Linear(8, 2),
    )  # fmt: skip
    assert space.groups == ()
    assert "not a module's own" in reason(space, "a.weight[0]")


def test_a_computed_weight_of_a_plain_convolution_is_cut() -> None:
    def standardised(self: Any, x: Tensor) -> Tensor:
        weight = self.b.weight - self.b.weight.amax((1, 2, 3), keepdim=True)
        return self.fc(functional.conv2d(self.a(x), weight).mean((2, 3)))

    space = checked(standardised, a=conv(3, 8, 3), b=conv(8, 6, 3, bias=False), fc=nn.Linear(6, 2))
    assert sizes(space) == {"b": 6}
    assert reason(space, "b.weight[1]") == "op 'amax' mixes this axis"


@pytest.mark.parametrize("axes", [(0, 2, 1, 3), (2, 0, 1, 3)])
def test_channels_along_another_axis_of_a_convolution_stay(axes: tuple[int, ...]) -> None:
    """Moved to the rows of the image, or to the batch, the channels are mixed by the kernel or lost from sight."""

    def forward(self: Any, x: Tensor) -> Tensor:
        back = torch.tensor(axes).argsort().tolist()
        return self.fc(self.d(self.k(self.a(x).permute(axes)).permute(back)).mean((2, 3)))

    inner = 6 if axes[1] == 2 else 2
    space = checked(forward, a=conv(3, 8, 3), k=conv(inner, inner, 3, padding=1), d=conv(8, 4, 1), fc=nn.Linear(4, 2))
    assert "a" not in sizes(space)
    assert "another axis than the channels" in reason(space, "a.weight[0]")


def test_a_linear_layer_reads_flattened_channels_in_blocks() -> None:
    space = checked(lambda s, x: s.fc(s.a(x).flatten(1)), a=conv(3, 4, 7), fc=nn.Linear(16, 2))
    (cut,) = [cut for cut in space.plan.cuts if cut.tensor == "fc.weight"]
    assert cut.units == tuple(unit for unit in range(4) for _ in range(4))


@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 8), (2, 3, 4, 8), (8,)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_layers_on_any_number_of_axes(shape: tuple[int, ...], bias: bool) -> None:
    x = torch.linspace(-1, 1, int(torch.tensor(shape).prod()), dtype=torch.float64).reshape(shape)
    parts = {"a": nn.Linear(8, 6, bias=bias), "b": nn.Linear(6, 4, bias=bias), "c": nn.Linear(4, 2, bias=bias)}
    space = checked(lambda s, x: s.c(s.b(s.a(x).relu())), x, **parts)
    assert sizes(space) == {"a": 6, "b": 4}


def test_channels_as_rows_of_a_product() -> None:
    """The first operand is a transposed layer: its rows shrink, and with them the FLOPs of the next product."""
    space = checked(lambda s, x: s.fc((s.a(x).t() @ x).t()), X[0, 0], a=nn.Linear(8, 6), fc=nn.Linear(6, 2))
    assert sizes(space) == {"a": 6}


def test_a_matrix_as_bias_is_tied_along_both_axes() -> None:
    space = checked(
        lambda s, x: s.fc(torch.addmm(s.b(x).t(), s.w.t(), x).t()),
        X[0, 0], b=nn.Linear(8, 6), w=nn.Parameter(torch.randn(8, 6)), fc=nn.Linear(6, 2),
    )  # fmt: skip
    assert sizes(space) == {"b": 6}
    assert len([cut for cut in space.plan.cuts if cut.tensor == "w"]) == 1


def test_a_product_with_a_matrix_of_constants() -> None:
    space = checked(
        lambda s, x: s.fc(s.a(x).sigmoid() @ s.fixed),
        X[0, 0],
        a=nn.Linear(8, 6),
        fixed=torch.ones(6, 4),
        fc=nn.Linear(4, 2),
    )
    assert sizes(space)["a"] == 6


def test_a_product_with_a_tensor_outside_the_model_freezes() -> None:
    outside = torch.ones(6, 4, dtype=torch.float64)
    space = checked(lambda s, x: s.fc(s.a(x) @ outside), X[0, 0], a=nn.Linear(8, 6), fc=nn.Linear(4, 2))
    assert reason(space, "a.weight[0]") == "reads a tensor of fixed size"
