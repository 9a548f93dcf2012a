from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from cpruner.space.label.sheet import along
from cpruner.space.program.chain import Step, loses, net_pick, step_to, track, written
from cpruner.space.rule import RULES, pointwise
from cpruner.space.run.record import Entry, Value
from cpruner.space.run.tracer import Tracer


def recorded(function: Callable[[Tensor], Any], *shape: int) -> tuple[Value, Value]:
    """Values of the input and of the result of a function."""
    tracer, source = Tracer(nn.Identity(), RULES, pointwise), torch.zeros(shape)
    with tracer:
        result = function(source)
    return tracer.recorder.value(source), tracer.recorder.value(result)


def chain(function: Callable[[Tensor], Any], *shape: int) -> list[Step]:
    """The steps from the input of a function to its result."""
    source, current = recorded(function, *shape)
    steps: list[Step] = []
    while current is not source:
        step = step_to(current)
        assert step is not None
        steps.insert(0, step)
        current = step.source
    return steps


def shuffle(x: Tensor, groups: int = 2) -> Tensor:
    return x.view(x.shape[0], groups, -1, x.shape[2]).transpose(1, 2).reshape(x.shape)


def test_packet_is_the_bare_name() -> None:
    names = [step.entry.packet for step in chain(shuffle, 2, 4, 3)]
    assert names[:2] == ["view", "transpose"]
    assert names[-1] in ("view", "_unsafe_view", "reshape")
    entry = recorded(lambda x: x.clone().relu_(), 2)[1].maker
    assert entry is not None
    assert (entry.op, entry.packet) == ("aten.clone.default", "clone")


def test_written_are_the_tensors_that_an_op_overwrites() -> None:
    tracer, x, y = Tracer(nn.Identity(), RULES, pointwise), torch.zeros(2), torch.ones(2)
    with tracer:
        torch.add(x, y, out=x.add(y).add_(y).copy_(x))
    found = [(entry.packet, [value is tracer.recorder.value(x) for value in written(entry)])
             for entry in tracer.recorder.root.entries if isinstance(entry, Entry)]  # fmt: skip
    assert found[:3] == [("add", []), ("add", [False]), ("copy", [False])]
    assert written(tracer.recorder.root) == [v for e in tracer.recorder.root.entries for v in written(e)]


def test_a_step_knows_its_place_among_the_results() -> None:
    (step,) = chain(lambda x: x.split([1, 2, 3], 1)[2], 2, 6)
    assert (step.entry.packet, step.place, step.result.shape) == ("split_with_sizes", 2, (2, 3))
    assert step.apply(torch.arange(12).reshape(2, 6)).tolist() == [[3, 4, 5], [9, 10, 11]]
    (single,) = chain(lambda x: x[:, 1:3], 2, 6)[-1:]
    assert single.place is None
    assert single.apply(torch.arange(12).reshape(2, 6)).tolist() == [[1, 2], [7, 8]]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x,
        lambda x: torch.cat([x, x]),
        lambda x: torch.arange(3.0),
        lambda x: x.index_select(0, torch.tensor([0])),
    ],
)
def test_no_step_leads_to_what_several_tensors_or_none_make(function: Callable[[Tensor], Tensor]) -> None:
    assert step_to(recorded(function, 2, 3)[1]) is None


def test_no_step_leads_to_an_input() -> None:
    assert step_to(recorded(lambda x: x.t(), 2, 3)[0]) is None


def test_net_pick_of_a_channel_shuffle() -> None:
    """Channel i of the first half goes to 2 i, of the second to 2 i + 1."""
    picked = net_pick(chain(shuffle, 2, 6, 3), 1)
    assert picked is not None
    assert picked.tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.chunk(3, 1)[1], [2, 3]),
        (lambda x: x[:, 1::2], [1, 3, 5]),
        (lambda x: x.flip(1), [5, 4, 3, 2, 1, 0]),
        (lambda x: x.roll(2, 1), [4, 5, 0, 1, 2, 3]),
        (lambda x: x[:, 3:].flip(1)[:, :2], [5, 4]),
        (lambda x: x.view(2, 3, 2, 4)[:, :, 1], [1, 3, 5]),
        (lambda x: x.repeat(1, 2, 1), [0, 1, 2, 3, 4, 5] * 2),
        (lambda x: x.transpose(1, 2), None),
        (lambda x: x[:1], None),
        (lambda x: x[:, :, :2], None),
        (lambda x: x.flatten(1), None),
        (lambda x: x.view(2, 3, 2, 4), None),
        (lambda x: x.reshape(6, 2, 4).transpose(0, 1).reshape(2, 6, 4), None),
    ],
)
def test_net_pick(function: Callable[[Tensor], Tensor], expected: list[int] | None) -> None:
    """(2, 6, 4): what the whole chain does along axis 1, if it does nothing else."""
    picked = net_pick(chain(function, 2, 6, 4), 1)
    assert (None if picked is None else picked.tolist()) == expected


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.booleans(), st.data())
def test_net_pick_is_what_index_select_does(
    groups: int, inner: int, turn: int, back: bool, data: st.DataObject
) -> None:
    """Any shuffle, roll and cut after each other."""
    count = groups * inner
    low = data.draw(st.integers(0, count - 1))

    def function(x: Tensor) -> Tensor:
        mixed = shuffle(x, groups).roll(turn, 1)
        return (mixed.flip(1) if back else mixed)[:, low:].clone()

    picked = net_pick(chain(function, 2, count, 2), 1)
    numbers = torch.arange(4.0 * count).reshape(2, count, 2)
    assert picked is not None
    assert torch.equal(function(numbers), numbers.index_select(1, picked))


def packed(place: int) -> Callable[[Tensor], Tensor]:
    """Queries, keys or values out of (B, N, 3 H D): (B, H, N, D)."""
    return lambda x: x.view(2, 3, 3, 2, 4).permute(2, 0, 3, 1, 4)[place]


def test_track_of_a_packed_projection() -> None:
    """24 rows are (3, heads, dimensions); the keys are rows 8 to 15, and in between they are one of three planes."""
    steps = chain(packed(1), 2, 3, 24)
    path = track(steps, [2])
    assert path.wanted[2].tolist() == list(range(8, 16))
    assert [tuple(plane.shape) for plane in path.planes[2]] == [
        (1, 1, 24),
        (1, 1, 3, 2, 4),
        (3, 1, 2, 1, 4),
        (1, 2, 1, 4),
    ]
    start = path.needed(steps[0].source, 0)
    assert start is not None
    assert [axis.tolist() for axis in start] == [[True] * 2, [True] * 3, [8 <= row < 16 for row in range(24)]]
    viewed = path.needed(steps[0].result, 1)
    assert viewed is not None
    assert viewed[2].tolist() == [False, True, False]
    assert all(bool(viewed[axis].all()) for axis in (0, 1, 3, 4))
    end = path.needed(steps[-1].result, 3)
    assert end is not None
    assert all(bool(axis.all()) for axis in end)


def test_track_of_two_axes() -> None:
    steps = chain(lambda x: x[:, 1:].transpose(0, 1)[:, :2], 3, 4)
    path = track(steps, [0, 1])
    assert {axis: found.tolist() for axis, found in path.wanted.items()} == {0: [0, 1], 1: [1, 2, 3]}
    start = path.needed(steps[0].source, 0)
    assert start is not None
    assert [axis.tolist() for axis in start] == [[True, True, False], [False, True, True, True]]


def test_what_is_wanted_may_be_no_block_on_the_way() -> None:
    """Rows 1 to 4 of six are no block of (2, 3)."""
    steps = chain(lambda x: x.view(2, 3).flatten()[1:5], 6)
    path = track(steps, [0])
    assert path.wanted[0].tolist() == [1, 2, 3, 4]
    assert path.needed(steps[0].result, 1) is None
    assert path.needed(steps[0].source, 0) is not None


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x[:, 1:], True),
        (lambda x: x[:1], False),
        (lambda x: x.view(2, 2, 3), False),
        (lambda x: x.t(), False),
        (lambda x: x.unsqueeze(0), False),
        (lambda x: x.split(3, 1)[0], True),
    ],
)
def test_a_step_that_leaves_channels_out_loses(function: Callable[[Tensor], Tensor], expected: bool) -> None:
    """(2, 6) with labels along axis 1."""
    step = chain(function, 2, 6)[-1]
    if step.source.shape == (2, 6):
        assert loses(step, (along(torch.arange(1, 7), 1, 2),), lambda _: True) is expected
        assert loses(step, (along(torch.arange(1, 7), 1, 2),), lambda _: False) is False


def test_places_are_lost_also_where_other_places_carry_the_same_labels() -> None:
    """A B A B cut after the first two: every label is still there, half of the places are not."""
    (step,) = chain(lambda x: x[:2], 4)
    assert loses(step, (torch.tensor([1, 2, 1, 2]),), lambda _: True)
