from collections.abc import Callable
from typing import Any

import pytest
import torch
from function import Function
from stating import Packed, between, images, seeded, tokens
from thorough import thorough
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import Labels, Program
from cpruner.space import PruningSpace
from cpruner.space.program.detour import same_axis


def moving(function: Callable[[Tensor], Tensor], width: int = 6, out: int | None = None) -> nn.Module:
    """A linear layer, a function that moves data of shape (B, L, width), a linear layer, all in one module."""
    reads = width if out is None else out
    inner = Function(lambda s, x: s.b(function(s.a(x))), a=nn.Linear(5, width), b=nn.Linear(reads, 4))
    return seeded(lambda: nn.Sequential(inner, nn.Linear(4, 3)))


def program_of(space: PruningSpace) -> Program:
    (program,) = space.plan.programs
    return program


def ops(space: PruningSpace) -> list[str]:
    return [node.op.removeprefix("aten.").removesuffix(".default") for node in program_of(space).nodes]


def why(space: PruningSpace, tensor: str) -> str:
    return next(entry.reason for entry in space.frozen if entry.tensor == tensor and entry.axis == 0)


def test_halves_are_picked_and_nothing_else_is_done() -> None:
    space = thorough(moving(lambda h: torch.cat(h.chunk(2, -1)[::-1], -1)), tokens())
    program = program_of(space)
    assert ops(space) == ["module:a", "pick", "pick", "cat", "module:b"]
    assert [pick.positions for pick in program.picks] == [(3, 4, 5), (0, 1, 2)]
    source, target = (space.plan.labels[place] for place in (program.picks[0].source, program.picks[0].target))
    assert source == Labels(((0, 1, 2, 3, 4, 5),))
    assert target == Labels(((3, 4, 5),))


def test_a_shuffle_becomes_one_pick() -> None:
    def shuffle(h: Tensor) -> Tensor:
        return h.view(*h.shape[:2], 2, 3).transpose(2, 3).reshape(h.shape)

    space = thorough(moving(shuffle), tokens())
    assert ops(space) == ["module:a", "pick", "module:b"]
    assert program_of(space).picks[0].positions == (0, 3, 1, 4, 2, 5)


def test_heads_are_cut_out_of_a_packed_projection_before_the_ops_run() -> None:
    """24 rows are (2 kinds, 3 heads, 4 dimensions); the second kind is used, its heads scaled."""
    model = Function(
        lambda s, x: s.b((s.a(x).view(x.shape[0], 4, 2, 3, 4)[:, :, 1] * s.scale).flatten(2)),
        a=nn.Linear(5, 24), b=nn.Linear(12, 3), scale=nn.Parameter(torch.linspace(0.5, 1.5, 3).reshape(3, 1)),
    )  # fmt: skip
    space = thorough(model, tokens())
    assert program_of(space).picks[0].positions == tuple(range(12, 24))
    assert [(group.size, len(group.members)) for group in space.groups] == [(12, 2), (3, 4), (4, 3)]
    reshape = next(node for node in program_of(space).nodes if node.op == "aten.reshape.default")
    kept = [size for size in reshape.args[1][1:] if isinstance(size, tuple) and size[0] == "n"]
    units = [space.plan.labels[place].units_FN.max(0).tolist() for _, place in kept]
    assert units == [[12, 13, 14], [15, 16, 17, 18]]


@pytest.mark.parametrize(
    ("function", "out", "sizes"),
    [
        (lambda h: h[..., 1:5], 4, (4, 4)),
        (lambda h: h[..., ::2], 3, (3, 4)),
        (lambda h: h[:, :, None, :4].squeeze(2), 4, (4, 4)),
        (lambda h: h.unflatten(-1, (3, 2))[..., 1], 3, (3, 4)),
        (lambda h: h.unflatten(-1, (3, 2)).unbind(-1)[0], 3, (3, 4)),
        (lambda h: h.unflatten(-1, (3, 2)).select(-2, 2), 2, (2, 4)),
        (lambda h: h.split((2, 4), -1)[1], 4, (4, 4)),
        (lambda h: h.tensor_split(3, -1)[0], 2, (2, 4)),
        (lambda h: h.transpose(1, 2)[:, 2:].transpose(1, 2), 4, (4, 4)),
        (lambda h: h.flip(-1)[..., :4], 4, (4, 4)),
        (lambda h: h.flip(1)[..., :4], 4, (4, 4)),
        (lambda h: h.roll(2, -1), 6, (6, 4)),
        (lambda h: h.roll(1, 1)[..., :4], 4, (4, 4)),
        (lambda h: h[:, :1, :4].expand(-1, 4, -1), 4, (4, 4)),
        (lambda h: h.repeat(1, 1, 2)[..., :6], 6, (6, 4)),
        (lambda h: h.movedim(-1, 0)[3:].movedim(0, -1), 3, (3, 4)),
        (lambda h: h.reshape(-1, 3, 2).transpose(1, 2).reshape(*h.shape), 6, (6, 4)),
        (lambda h: h[..., :4].contiguous().view(-1, 4).view(*h.shape[:2], 4), 4, (4, 4)),
        (lambda h: h[..., :4].clone().to(torch.float64), 4, (4, 4)),
    ],
)
def test_moves(function: Callable[[Tensor], Tensor], out: int, sizes: tuple[int, ...]) -> None:
    """Groups of what is read; what nobody reads is a group as well where it is more than one channel."""
    space = thorough(moving(function, out=out), tokens())
    assert tuple(group.size for group in space.groups if len(group.members) == 3) == sizes
    assert [program.module for program in space.plan.programs] == ["0"]


def test_an_order_that_depends_on_how_many_there_are_is_not_left_to_the_op() -> None:
    """Rolling by one and dealing channels out are wrong on fewer channels although they run."""
    model = Function(lambda s, x: s.b(functional.channel_shuffle(s.a(x), 2)).mean((2, 3)),
                     a=nn.Conv2d(3, 8, 1), b=nn.Conv2d(8, 2, 1))  # fmt: skip
    space = thorough(model, images())
    assert program_of(space).picks[0].positions == (0, 4, 1, 5, 2, 6, 3, 7)
    assert [
        program.picks[0].positions for program in thorough(moving(lambda h: h.roll(1, -1)), tokens()).plan.programs
    ] == [(5, 0, 1, 2, 3, 4)]
    assert thorough(moving(lambda h: h.flip(-1)), tokens()).plan.programs == ()
    assert thorough(moving(lambda h: h.roll(1, 1)), tokens()).plan.programs == ()


def test_two_axes_at_once_are_not_rolled() -> None:
    space = thorough(moving(lambda h: h.roll((1, 1), (1, 2))), tokens())
    assert why(space, "0.a.weight").endswith("what is kept does not form a block at op 'roll'")


def test_a_block_that_falls_apart_on_the_way_is_refused() -> None:
    """Four of six rows across two heads of three: the head axis and the row axis are cut, but not as a block."""
    space = thorough(moving(lambda h: (h.unflatten(-1, (2, 3)) * 2).flatten(2)[..., 1:5], out=4), tokens())
    assert why(space, "0.a.weight").endswith(
        "cannot be rewritten: what is kept does not form a block after a change of shape"
    )


def test_a_tensor_that_several_made_is_the_start() -> None:
    def forward(s: Any, x: Tensor) -> Tensor:
        return s.b((s.a(x) * s.c(x).sigmoid()).unflatten(-1, (3, 2))[..., 0])

    model = Function(forward, a=nn.Linear(5, 6), c=nn.Linear(5, 6), b=nn.Linear(3, 2))
    space = thorough(model, tokens())
    assert [group.size for group in space.groups] == [3, 3]
    assert ops(space).count("pick") == 1


def test_parameters_are_cut_by_the_ops_themselves() -> None:
    """Rows of a parameter are picked: its axis is one of the plan's like any other."""

    def forward(s: Any, x: Tensor) -> Tensor:
        left, right = s.w.chunk(2, 0)
        return s.b(functional.linear(x, left) * functional.linear(x, right))

    model = Function(forward, w=nn.Parameter(torch.linspace(-1, 1, 40).reshape(8, 5)), b=nn.Linear(4, 2))
    space = thorough(model, tokens())
    assert [(group.name, group.size) for group in space.groups] == [("w", 4)]
    assert [pick.positions for pick in program_of(space).picks] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert {node.args for node in program_of(space).nodes if node.op == "aten.alias.default"} == {(("w", "w"),)}


def test_a_part_that_is_written_into_must_be_neighbours() -> None:
    """The first half of the channels is a view also of the smaller tensor; every other channel would be a copy."""

    def halved(h: Tensor) -> Tensor:
        h[..., :3].mul_(2.0)
        return h

    def alternating(h: Tensor) -> Tensor:
        h[..., ::2].mul_(2.0)
        return h

    assert [group.size for group in thorough(moving(halved), tokens()).groups] == [6, 4]
    space = thorough(moving(alternating), tokens())
    assert why(space, "0.a.weight").endswith("it writes into a part of a tensor that does not form a block")


def test_a_part_of_a_part_is_a_copy_too() -> None:
    def forward(h: Tensor) -> Tensor:
        h[..., ::2].transpose(0, 1).mul_(2.0)
        return h

    assert "it writes into a part" in why(thorough(moving(forward), tokens()), "0.a.weight")


def test_a_copy_may_be_written_into_and_is_taken_before_the_original_is() -> None:
    def copied(h: Tensor) -> Tensor:
        before = h.clone()
        part = h[..., ::2].clone()
        part.mul_(3.0)
        h.relu_()
        return torch.cat([part, before[..., :3] + h[..., 3:]], -1)

    space = thorough(moving(copied), tokens())
    assert [program.module for program in space.plan.programs] == ["0"]
    assert space.groups[0].name.startswith("0.a")


@pytest.mark.parametrize(
    ("before", "after", "axis", "expected"),
    [
        ((2, 3, 8), (2, 3, 2, 4), 0, 0),
        ((2, 3, 8), (2, 3, 2, 4), 1, 1),
        ((2, 3, 8), (2, 3, 2, 4), 2, None),
        ((2, 3, 8), (6, 8), 1, 2),
        ((2, 3, 8), (6, 8), 0, None),
        ((2, 3, 4, 4), (2, 3, 16), 2, None),
        ((2, 4, 4), (4, 2, 4), 2, 2),
        ((2, 4, 4), (4, 2, 4), 0, None),
        ((1, 3), (3, 1), 1, None),
        ((5,), (1, 5), 1, 0),
    ],
)
def test_same_axis(before: tuple[int, ...], after: tuple[int, ...], axis: int, expected: int | None) -> None:
    assert same_axis(before, after, axis) == expected


def test_attention_in_one_module() -> None:
    """See ``stating``; the three groups are heads, dimensions of queries and keys, dimensions of values."""
    space = thorough(seeded(lambda: between(Packed())), tokens())
    assert [(group.size, len(group.members)) for group in space.groups] == [(8, 3), (2, 3), (4, 2), (4, 3), (8, 3)]
