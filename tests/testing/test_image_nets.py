import pytest
import torch

from cpruner.space import trace
from cpruner.testing.image_nets import IMAGE_NETS
from cpruner.testing.net import Net

NET = {net.name: net for net in IMAGE_NETS}


def rows(net: Net, tensor: str, axis: int = 0) -> tuple[tuple[int, ...], ...]:
    """Units along one axis of a tensor."""
    plan = trace(net.build(), net.inputs()).plan
    (cut,) = [cut for cut in plan.cuts if (cut.tensor, cut.axis) == (tensor, axis)]
    return plan.labels[cut.labels].factors


def test_inputs_are_images_lines_or_volumes() -> None:
    assert {len(shape) for net in IMAGE_NETS for shape in net.shapes} == {3, 4, 5}


@pytest.mark.parametrize(
    ("name", "tensor", "expected"),
    [
        ("group norm", "conv_wide.weight", (0, 1, 2, 3, 0, 1, 2, 3)),
        ("group norm", "conv_thin.weight", (4, 4, 5, 5, 6, 6, 7, 7)),
        ("group norm", "conv_all.weight", tuple(range(8, 16))),
        ("pixel shuffle", "stem.weight", (0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2)),
        ("gated linear unit", "stem.weight", (0, 1, 2, 3, 4, 5) * 2),
        ("shuffle unit", "stem.weight", tuple(range(8))),
    ],
)
def test_which_channels_go_together(name: str, tensor: str, expected: tuple[int, ...]) -> None:
    assert rows(NET[name], tensor) == (expected,)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("transposed groups", ((0, 0, 1, 1, 2, 2, 3, 3), (4, 5) * 4)),
        ("grouped", ((0, 1, 2, 3) * 2, (4,) * 4 + (5,) * 4)),
    ],
)
def test_a_channel_of_a_grouped_convolution_has_a_group_and_a_position(
    name: str, expected: tuple[tuple[int, ...], ...]
) -> None:
    assert rows(NET[name], "stem.weight") == expected


def test_pixels_that_are_shuffled_there_and_back_are_where_they_were() -> None:
    net = NET["pixel shuffle"]
    model = net.build()
    (x,) = net.inputs()
    assert torch.allclose(model.down(model.act(model.up(model.stem(x)))), torch.nn.functional.silu(model.stem(x)))
