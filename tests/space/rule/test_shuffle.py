from typing import Any

import pytest
import torch
from spaces import IMAGE, checked, image_net, programs, reason, seeded, sizes, units
from torch import Tensor, nn
from torch.nn import functional


def test_the_four_channels_behind_one_pixel_go_together() -> None:
    space = checked(image_net(nn.PixelShuffle(2), 2), IMAGE)
    assert sizes(space) == {"a": 2, "b": 4}
    assert units(space, "a.weight", 0) == [(0, 0, 0, 0, 1, 1, 1, 1)]
    assert units(space, "b.weight", 1) == [(0, 1)]
    assert programs(space) == set()


def test_a_channel_becomes_four() -> None:
    space = checked(image_net(nn.PixelUnshuffle(2), 32), IMAGE)
    assert sizes(space) == {"a": 8, "b": 4}
    assert units(space, "b.weight", 1) == [tuple(unit for unit in range(8) for _ in range(4))]


@pytest.mark.parametrize("module", [nn.PixelShuffle(2), nn.PixelUnshuffle(2)])
def test_images_without_a_batch(module: nn.Module) -> None:
    channels = 2 if isinstance(module, nn.PixelShuffle) else 32
    parts = {"a": nn.Conv2d(3, 8, 1), "m": module, "b": nn.Conv2d(channels, 2, 1)}
    assert "a" in sizes(checked(seeded(lambda s, x: s.b(s.m(s.a(x))), **parts), IMAGE[0]))


def test_shuffled_pixels_of_an_input_leave_nothing_to_remove() -> None:
    parts = {"m": nn.PixelUnshuffle(2), "a": nn.Conv2d(12, 4, 1), "up": nn.PixelShuffle(2), "b": nn.Conv2d(1, 4, 1)}
    space = checked(seeded(lambda s, x: s.fc(s.b(s.up(s.a(s.m(x)))).mean((2, 3))), fc=nn.Linear(4, 2), **parts), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "a single channel is used by itself"


@pytest.mark.parametrize(
    ("gate", "reads"),
    [
        (nn.GLU(1), 4),
        (nn.GLU(-3), 4),
        (lambda s, h: functional.glu(h, 1), 4),
        (lambda s, h: functional.glu(h.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), 4),
    ],
)
def test_both_halves_of_a_gated_linear_unit_lose_the_same_channels(gate: Any, reads: int) -> None:
    space = checked(image_net(gate, reads), IMAGE)
    assert sizes(space) == {"a": 4, "b": 4}
    assert units(space, "a.weight", 0) == [(0, 1, 2, 3) * 2]
    assert programs(space) == set()


def test_a_gate_along_positions_leaves_channels_alone() -> None:
    assert sizes(checked(image_net(nn.GLU(3)), IMAGE)) == {"a": 8, "b": 4}


def test_a_gate_made_of_the_input_freezes() -> None:
    """Three channels of a layer are gated by the three of the image."""
    parts = {"a": nn.Conv2d(3, 3, 1), "fc": nn.Linear(3, 2)}
    model = seeded(lambda s, x: s.fc(functional.glu(torch.cat([s.a(x), x], 1), 1).mean((2, 3))), **parts)
    assert reason(checked(model, IMAGE)) == "gated by a tensor of fixed size"


def test_windows_side_by_side_and_back() -> None:
    """``unfold`` puts the four numbers of a window after one another, ``fold`` adds them up again."""

    def there(_: Any, h: Tensor) -> Tensor:
        return functional.unfold(h, 2).unflatten(2, (7, 7))

    space = checked(image_net(there, 32), IMAGE)
    assert sizes(space) == {"a": 8, "b": 4}
    assert units(space, "b.weight", 1) == [tuple(unit for unit in range(8) for _ in range(4))]
    back = checked(image_net(lambda s, h: functional.fold(functional.unfold(h, 2), (8, 8), 2)), IMAGE)
    assert sizes(back) == {"a": 8, "b": 4}
    assert programs(back) == set()


def test_channels_folded_to_an_image() -> None:
    """Eight channels are two, four entries of a window each."""
    space = checked(image_net(lambda s, h: functional.fold(h.flatten(2)[:, :, :49], (8, 8), 2), 2), IMAGE)
    assert sizes(space) == {"a": 2, "b": 4}
    assert units(space, "a.weight", 0) == [(0, 0, 0, 0, 1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (
            lambda h: functional.unfold(h.transpose(1, 2), 3, padding=1)[:, :8].unflatten(2, (8, 8)),
            "next to each other",
        ),
        (lambda h: functional.fold(h.transpose(1, 2).flatten(2)[:, :, :49], (8, 8), 2).repeat(1, 4, 1, 1), "added up"),
    ],
)
def test_channels_in_place_of_positions_stay(move: Any, words: str) -> None:
    space = checked(image_net(lambda s, h: move(h)), IMAGE)
    assert sizes(space) == {"b": 4}
    assert words in reason(space)
