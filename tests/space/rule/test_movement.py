from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space import PruningSpace, trace

X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8)


def checked(move: Any, reads: int = 8, **parts: Any) -> PruningSpace:
    """conv 3 -> 8, the op, 1 x 1 conv to 4 channels, mean, linear."""
    fixed = {"a": nn.Conv2d(3, 8, 3), "b": nn.Conv2d(reads, 4, 1), "fc": nn.Linear(4, 2)}
    return run(lambda s, x: s.fc(s.b(move(s.a(x))).mean((2, 3))), **{**fixed, **parts})


def run(forward: Any, **parts: Any) -> PruningSpace:
    model = Function(forward, **parts)
    space = trace(model, X)
    for ratio in (0.0, 0.3, 0.6, 1.0):
        check(model, (X,), space, space.uniform(ratio))
    return space


def sizes(space: PruningSpace) -> dict[str, int]:
    return {group.name: group.size for group in space.groups}


def reason(space: PruningSpace, axis: str = "a.weight[0]") -> str:
    return {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}[axis]


@pytest.mark.parametrize(
    "move",
    [
        lambda h: h.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
        lambda h: h.transpose(1, 3).transpose(3, 1),
        lambda h: h.flatten(2).unflatten(2, (6, 6)),
        lambda h: h.flatten(0, 1).view(h.shape),
        lambda h: h.flip(1),
        lambda h: h.flip(2),
        lambda h: h.unsqueeze(2).squeeze(2),
        lambda h: h[:, :, ::2, 1:],
        lambda h: torch.stack(h.unbind(3), 3),
        lambda h: torch.stack(h.unbind(0)),
        lambda h: h.split(2, 3)[1],
        lambda h: h.mean((2, 3), keepdim=True).expand(-1, -1, 2, 2),
        lambda h: h.mean((2, 3), keepdim=True).expand_as(h),
        lambda h: functional.pad(h, (1, 2, 3, 0)),
        lambda h: functional.pad(h, (-1, 0, 0, -2)),
        lambda h: torch.cat([h, 2 * h], 3),
    ],
)
def test_moves_that_leave_channels_whole(move: Any) -> None:
    assert sizes(checked(move)) == {"a": 8, "b": 4}


def test_flipped_channels_are_read_in_the_other_order() -> None:
    space = checked(lambda h: h.flip(1))
    units = {(cut.tensor, cut.axis): cut.units for cut in space.plan.cuts}
    assert units["b.weight", 1] == units["a.weight", 0][::-1]


@pytest.mark.parametrize("times", [2, 3])
def test_repeated_channels_are_read_as_often(times: int) -> None:
    space = checked(lambda h: h.repeat(1, times, 1, 1), reads=8 * times)
    (cut,) = [cut for cut in space.plan.cuts if (cut.tensor, cut.axis) == ("b.weight", 1)]
    assert cut.units == tuple(range(8)) * times


@pytest.mark.parametrize(
    ("move", "reads", "op"),
    [
        (lambda h: h[:, 2:], 6, "slice"),
        (lambda h: h.narrow(1, 0, 3), 3, "slice"),
        (lambda h: h.select(1, 0)[:, None], 1, "select"),
        (lambda h: h.chunk(2, 1)[1], 4, "split"),
        (lambda h: h.split([3, 5], 1)[0], 3, "split_with_sizes"),
        (lambda h: h.unbind(1)[0][:, None], 1, "unbind"),
        (lambda h: h.view(2, 2, 4, 6, 6).transpose(1, 2).reshape(2, 8, 6, 6), 8, "view"),
        (lambda h: functional.pad(h, (0, 0, 0, 0, 1, 1)), 10, "pad"),
        (lambda h: functional.pad(h, (0, 0, 0, 0, -1, -1)), 6, "pad"),
    ],
)
def test_a_stated_number_of_channels_freezes(move: Any, reads: int, op: str) -> None:
    space = checked(move, reads)
    assert sizes(space) == {"b": 4}
    assert f"'{op}' states a size" in reason(space) or "padded by a negative amount" in reason(space)


def test_a_cut_through_flattened_channels_keeps_the_last_one() -> None:
    """All of the last channel but one value is read: its unit is unlike the others."""
    space = run(lambda s, x: s.fc(s.a(x).flatten(1)[:, :-1]), a=nn.Conv2d(3, 8, 7), fc=nn.Linear(31, 2))
    assert sizes(space) == {"a": 7}
    assert space.plan.cuts[0].units[-1] == -1


def test_squeeze_without_a_dimension_keeps_one_channel_more() -> None:
    """With one channel left, ``squeeze`` would drop the channel axis too."""
    space = run(
        lambda s, x: s.fc(functional.adaptive_avg_pool2d(s.a(x), 1).squeeze()), a=nn.Conv2d(3, 8, 3), fc=nn.Linear(8, 2)
    )
    assert sizes(space) == {"a": 7}
    assert reason(space) == "'squeeze' without a dimension needs two channels"
    dims = run(
        lambda s, x: s.fc(s.a(x).mean((2, 3), keepdim=True).squeeze((2, 3))), a=nn.Conv2d(3, 8, 3), fc=nn.Linear(8, 2)
    )
    assert sizes(dims) == {"a": 8}


def test_joined_channels_stay_in_their_own_groups() -> None:
    space = run(
        lambda s, x: s.fc(s.c(torch.cat([s.a(x), x, s.b(x)], 1)).mean((2, 3))),
        a=nn.Conv2d(3, 5, 1), b=nn.Conv2d(3, 4, 1), c=nn.Conv2d(12, 6, 1), fc=nn.Linear(6, 2),
    )  # fmt: skip
    assert sizes(space) == {"a": 5, "b": 4, "c": 6}
    (cut,) = [cut for cut in space.plan.cuts if (cut.tensor, cut.axis) == ("c.weight", 1)]
    assert cut.units == (0, 1, 2, 3, 4, -1, -1, -1, 5, 6, 7, 8)


def test_a_tensor_joined_with_itself() -> None:
    assert sizes(checked(lambda h: torch.cat([h, h], 1), 16)) == {"a": 8, "b": 4}


@pytest.mark.parametrize(
    "join", [lambda one, other: torch.cat([one, other], 2), lambda one, other: torch.stack([one, other]).sum(0)]
)
def test_joining_along_another_axis_ties_channels(join: Any) -> None:
    space = run(
        lambda s, x: s.fc(join(s.a(x), s.b(x)).mean((2, 3))),
        a=nn.Conv2d(3, 5, 1), b=nn.Conv2d(3, 5, 1), fc=nn.Linear(5, 2),
    )  # fmt: skip
    assert sizes(space) == {"a": 5}
    assert {"a.weight[0]", "b.weight[0]"} <= set(space.groups[0].members)


@pytest.mark.parametrize(
    "join", [lambda one, other: torch.cat([one, other], 2), lambda one, other: torch.stack([one, other]).sum(0)]
)
def test_joining_with_a_tensor_of_fixed_size_freezes(join: Any) -> None:
    space = run(lambda s, x: s.fc(join(s.a(x), x).mean((2, 3))), a=nn.Conv2d(3, 3, 1), fc=nn.Linear(3, 2))
    assert reason(space) == "concatenated with a tensor of fixed size"


def test_padding_along_two_labelled_axes_freezes() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        outer = self.a(x)[:, :, None] * self.b(x)[:, None]
        return self.fc(functional.pad(outer.flatten(1), (1, 1)))

    model = Function(forward, a=nn.Linear(6, 4), b=nn.Linear(6, 5), fc=nn.Linear(22, 2))
    x = X.flatten()[:12].reshape(2, 6)
    space = trace(model, x)
    check(model, (x,), space, space.smallest())
    assert space.groups == ()


def test_a_view_that_splits_two_channels_is_left_to_the_proof() -> None:
    """``view(2, 2, 1, ...)`` of two channels looks like a view that adds an axis: see ``candidate.proven``."""
    model = Function(
        lambda s, x: s.fc(s.a(x).view(2, 2, 1, 6, 6).mean((2, 3, 4))), a=nn.Conv2d(3, 2, 3), fc=nn.Linear(2, 2)
    )
    assert sizes(trace(model, X)) == {"a": 2}
