from typing import Any

import pytest
import torch
from spaces import IMAGE, checked, image_net, members, numbers, programs, reason, seeded, sizes, units
from torch import Tensor, nn
from torch.nn import functional


def moved(move: Any, reads: int = 8, **parts: Any) -> Any:
    return checked(image_net(lambda s, h: move(h), reads, **parts), IMAGE)


@pytest.mark.parametrize(
    "move",
    [
        lambda h: h.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
        lambda h: h.transpose(1, 3).transpose(3, 1),
        lambda h: h.movedim(1, -1).swapaxes(1, 3).transpose(2, 3),
        lambda h: h.flatten(2).unflatten(2, (8, 8)),
        lambda h: h.flatten(0, 1).view(h.shape),
        lambda h: h.flip(1),
        lambda h: h.flip(2),
        lambda h: h.rot90(1, (2, 3)),
        lambda h: h.roll((1, 2), (2, 3)),
        lambda h: h.unsqueeze(2).squeeze(2),
        lambda h: h[:, :, ::2, 1:],
        lambda h: torch.stack(h.unbind(3), 3),
        lambda h: torch.stack(h.unbind(0)),
        lambda h: h.split(2, 3)[1],
        lambda h: h.unfold(2, 2, 2).mean(-1),
        lambda h: h.mean((2, 3), keepdim=True).expand(-1, -1, 2, 2),
        lambda h: h.mean((2, 3), keepdim=True).expand_as(h),
        lambda h: h.mean((2, 3), keepdim=True).repeat(1, 1, 2, 2),
        lambda h: h * h.mean(1, keepdim=True).expand_as(h),
        lambda h: h * h.mean(1, keepdim=True).repeat(1, h.shape[1], 1, 1),
        lambda h: functional.pad(h, (1, 2, 3, 0)),
        lambda h: functional.pad(h, (-1, 0, 0, -2)),
        lambda h: torch.cat([h, 2 * h], 3),
        lambda h: torch.cat([torch.empty(0, dtype=h.dtype), h], 1),
        lambda h: h.roll(8, 3),
        lambda h: h.to(memory_format=torch.channels_last).relu(),
        lambda h: torch.view_as_real(torch.complex(h, h)).sum(-1),
        lambda h: torch.view_as_complex(torch.stack([h, h], -1)).abs(),
    ],
)
def test_moves_that_leave_channels_whole(move: Any) -> None:
    space = moved(move)
    assert sizes(space) == {"a": 8, "b": 4}
    assert programs(space) == set()


def test_flipped_channels_are_read_in_the_other_order() -> None:
    space = moved(lambda h: h.flip(1))
    assert units(space, "b.weight", 1) == [units(space, "a.weight", 0)[0][::-1]]


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("copy", [lambda h, n: h.repeat(1, n, 1, 1), lambda h, n: h.tile(1, n, 1, 1)])
def test_repeated_channels_are_read_as_often(copy: Any, times: int) -> None:
    space = moved(lambda h: copy(h, times), 8 * times)
    assert units(space, "b.weight", 1) == [tuple(range(8)) * times]


def test_channels_repeated_one_by_one() -> None:
    space = moved(lambda h: h.repeat_interleave(2, 1), 16)
    assert units(space, "b.weight", 1) == [tuple(unit for unit in range(8) for _ in range(2))]


@pytest.mark.parametrize(
    ("move", "reads", "groups"),
    [
        (lambda h: h[:, 2:], 6, {"a#1": 2, "a#2": 6, "b": 4}),
        (lambda h: h[:, ::2], 4, {"a#1": 4, "a#2": 4, "b": 4}),
        (lambda h: h.narrow(1, 0, 3), 3, {"a#1": 3, "a#2": 5, "b": 4}),
        (lambda h: h.chunk(2, 1)[1], 4, {"a#1": 4, "a#2": 4, "b": 4}),
        (lambda h: h.split([3, 5], 1)[0], 3, {"a#1": 3, "a#2": 5, "b": 4}),
        (lambda h: torch.cat(h.split([3, 5], 1)[::-1], 1), 8, {"a": 8, "b": 4}),
        (lambda h: h.chunk(2, 1)[0] * h.chunk(2, 1)[1].sigmoid(), 4, {"a": 4, "b": 4}),
        (lambda h: h.roll(3, 1), 8, {"a": 8, "b": 4}),
        (lambda h: h.roll(8, 1), 8, {"a": 8, "b": 4}),
        (lambda h: functional.channel_shuffle(h, 2), 8, {"a": 8, "b": 4}),
        (lambda h: functional.channel_shuffle(h, 4), 8, {"a": 8, "b": 4}),
        (lambda h: h.view(2, 2, 4, 8, 8).transpose(1, 2).reshape(2, 8, 8, 8), 8, {"a": 8, "b": 4}),
        (lambda h: functional.pad(h, (0, 0, 0, 0, 1, 1)), 10, {"a": 8, "b#1": 4, "b#2": 2}),
    ],
)
def test_code_that_states_a_number_of_channels_gets_a_program(move: Any, reads: int, groups: dict[str, int]) -> None:
    space = moved(move, reads)
    assert sizes(space) == groups
    assert programs(space) == {""}


def test_the_program_goes_to_the_module_that_states_the_number() -> None:
    space = checked(image_net(nn.Sequential(nn.ReLU(), nn.ChannelShuffle(2))), IMAGE)
    assert sizes(space) == {"a": 8, "b": 4}
    assert programs(space) == {"middle.1"}


def test_a_shuffle_deals_channels_out_in_turn() -> None:
    space = checked(image_net(nn.ChannelShuffle(2)), IMAGE)
    assert units(space, "b.weight", 1) == [(0, 4, 1, 5, 2, 6, 3, 7)]


@pytest.mark.parametrize(
    ("move", "size"),
    [
        (lambda h: h.select(1, 0)[:, None], 7),
        (lambda h: h[:, :1], 7),
        (lambda h: sum(h.unbind(1))[:, None], None),
        (lambda h: h.split(1, 1)[2], None),
    ],
)
def test_a_single_channel_that_is_picked_out_stays(move: Any, size: int | None) -> None:
    """Nothing that is read later says which one it was."""
    space = moved(move, 1)
    assert sizes(space).get("a") == size
    assert "picks out a single channel" in reason(space)


def test_padding_by_a_negative_amount_freezes() -> None:
    space = moved(lambda h: functional.pad(h, (0, 0, 0, 0, -1, -1)), 6)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "padded by a negative amount, or along two axes at once"


def test_padding_two_factors_side_by_side() -> None:
    """Four times five products with a zero on either side, which the layer after them need not read either."""

    def forward(self: Any, x: Tensor) -> Tensor:
        outer = self.a(x)[:, :, None] * self.b(x)[:, None]
        return self.fc(functional.pad(outer.flatten(1), (1, 1)))

    model = seeded(forward, a=nn.Linear(6, 4), b=nn.Linear(6, 5), fc=nn.Linear(22, 2))
    assert sizes(checked(model, numbers(2, 6))) == {"a": 4, "b": 5, "fc": 2}


def test_constants_put_beside_channels_are_cut_from_what_reads_them() -> None:
    """One channel of constants ahead, two behind: units of their own, made by nobody."""
    space = checked(image_net(lambda s, h: functional.pad(h, (0, 0, 0, 0, 1, 2), value=3.0), 11), IMAGE)
    assert units(space, "b.weight", 1) == [(12, *range(8), 13, 14)]
    assert members(space, "b#2") == {"b.weight[1]"}


def test_a_cut_through_flattened_channels_keeps_the_last_one() -> None:
    """All of the last channel but one value is read: its unit is unlike the others."""
    model = seeded(lambda s, x: s.fc(s.a(x).flatten(1)[:, :-1]), a=nn.Conv2d(3, 8, 7), fc=nn.Linear(31, 2))
    assert sizes(checked(model, IMAGE)) == {"a": 7}


def test_squeeze_without_a_dimension_keeps_one_channel_more() -> None:
    """With one channel left, ``squeeze`` would drop the channel axis too."""

    def squeezed(*dims: int) -> nn.Module:
        pool = lambda h: functional.adaptive_avg_pool2d(h, 1).squeeze(*dims)  # noqa: E731
        return seeded(lambda s, x: s.fc(pool(s.a(x)).flatten(1)), a=nn.Conv2d(3, 8, 3), fc=nn.Linear(8, 2))

    space = checked(squeezed(), IMAGE)
    assert sizes(space) == {"a": 7}
    assert reason(space) == "'squeeze' without a dimension needs two channels"
    assert sizes(checked(squeezed(-1), IMAGE)) == sizes(checked(squeezed((2, 3)), IMAGE)) == {"a": 8}


def joined(join: Any, second: int, reads: int) -> nn.Module:
    parts = {"a": nn.Conv2d(3, 5, 1), "b": nn.Conv2d(3, second, 1), "c": nn.Conv2d(reads, 6, 1), "fc": nn.Linear(6, 2)}
    return seeded(lambda s, x: s.fc(s.c(join(s.a(x), s.b(x), x)).mean((2, 3))), **parts)


def test_joined_channels_stay_in_their_own_groups() -> None:
    space = checked(joined(lambda a, b, x: torch.cat([a, x, b], 1), 4, 12), IMAGE)
    assert sizes(space) == {"a": 5, "b": 4, "c": 6}
    assert units(space, "c.weight", 1) == [(0, 1, 2, 3, 4, -1, -1, -1, 5, 6, 7, 8)]


@pytest.mark.parametrize(
    ("join", "order"),
    [
        (lambda a, b, _: torch.cat([a, a], 1), (0, 1, 2, 3, 4, 0, 1, 2, 3, 4)),
        (lambda a, b, _: torch.stack([a, b], 1).flatten(1, 2), (0, 1, 2, 3, 4, 0, 1, 2, 3, 4)),
        (lambda a, b, _: torch.stack([a, b], 2).flatten(1, 2), (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)),
    ],
)
def test_channels_read_twice(join: Any, order: tuple[int, ...]) -> None:
    assert units(checked(joined(join, 5, 10), IMAGE), "c.weight", 1) == [order]


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b, _: torch.cat([a, b], 2),
        lambda a, b, _: torch.stack([a, b]).sum(0),
        lambda a, b, _: torch.vstack([a, b])[:2],
        lambda a, b, _: torch.cat([a.mean((2, 3))[:, None], b.mean((2, 3))[:, None]], 1).mean(1)[:, :, None, None],
    ],
)
def test_joining_along_another_axis_ties_channels(join: Any) -> None:
    space = checked(joined(join, 5, 5), IMAGE)
    assert sizes(space) == {"a": 5, "c": 6}
    assert {"a.weight[0]", "b.weight[0]"} <= members(space, "a")


@pytest.mark.parametrize("join", [lambda a, x: torch.cat([a, x], 2), lambda a, x: torch.stack([a, x]).sum(0)])
def test_joining_with_a_tensor_of_fixed_size_freezes(join: Any) -> None:
    model = seeded(lambda s, x: s.fc(join(s.a(x), x).mean((2, 3))), a=nn.Conv2d(3, 3, 1), fc=nn.Linear(3, 2))
    assert reason(checked(model, IMAGE)) == "concatenated with a tensor of fixed size"


def test_heads_and_dimensions_are_joined_as_they_are() -> None:
    """Two sets of 2 x 4 channels, told apart into heads before they are joined along the tokens."""

    def forward(self: Any, x: Tensor) -> Tensor:
        left, right = (layer(x).unflatten(-1, (2, 4)) for layer in (self.a, self.b))
        scores = (torch.cat([left, right], 1) * self.w).sum(-1)
        return self.fc(scores)

    parts = {"a": nn.Linear(6, 8), "b": nn.Linear(6, 8), "w": nn.Parameter(torch.zeros(4)), "fc": nn.Linear(2, 2)}
    space = checked(seeded(forward, **parts), numbers(2, 5, 6))
    assert sizes(space) == {"a#1": 4, "a#2": 2}
    assert "w[0]" in members(space, "a#1")


def test_a_class_token_is_expanded_to_every_example() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), self.a(x)], 1) + self.place
        return self.fc(tokens[:, 0] + tokens.mean(1))

    parts = {"token": nn.Parameter(torch.zeros(1, 1, 8)), "place": nn.Parameter(torch.zeros(1, 6, 8))}
    space = checked(seeded(forward, a=nn.Linear(6, 8), fc=nn.Linear(8, 2), **parts), numbers(2, 5, 6))
    assert sizes(space) == {"a": 8}
    assert {"token[2]", "place[2]"} <= members(space, "a")


@pytest.mark.parametrize("strides", [(512, 64, 16, 2), (512, 64, 1, 8)])
def test_any_other_view_of_the_memory_freezes(strides: tuple[int, ...]) -> None:
    shape = (2, 8, 4, 4) if strides[-1] == 2 else (2, 8, 8, 7)
    assert reason(moved(lambda h: h.as_strided(shape, strides))) == "op 'as_strided' has no rule"
