from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn

from cpruner.space import Frozen, Group, trace
from cpruner.space.group import Across, Rewritten
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Group("a", 2, ()).size = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Frozen("a.weight", 0, 2, 2, "why").reason = ""  # type: ignore[misc]


def test_a_group_lists_every_tensor_axis_that_shrinks_with_it() -> None:
    space = trace(NET["depthwise"].build(), NET["depthwise"].inputs())
    stem, point, twin = space.groups
    assert set(stem.members) == {
        *("stem.weight[0]", "deep.weight[0]", "point.weight[1]"),
        *(f"bn.{name}[0]" for name in ("weight", "bias", "running_mean", "running_var")),
    }
    assert set(point.members) == {"point.weight[0]", "point.bias[0]", "twin.weight[0]", "head.weight[1]"}
    assert set(twin.members) == {"twin.weight[0]", "head.weight[1]"}


def test_what_is_frozen_says_how_much_and_why() -> None:
    space = trace(NET["residual"].build(), NET["residual"].inputs())
    assert {(e.tensor, e.axis, e.size, e.kept, e.reason) for e in space.frozen} == {
        ("stem.weight", 1, 3, 3, "reads a tensor of fixed size"),
        ("head.weight", 0, 5, 5, "output of the network"),
        ("head.bias", 0, 5, 5, "output of the network"),
    }


def test_a_group_of_a_traced_space_has_its_step() -> None:
    assert Group("a", 2, ()).step == 1
    space = trace(NET["residual"].build(), NET["residual"].inputs(), multiple_of=4)
    assert [group.step for group in space.groups] == [4, 4]


@pytest.mark.parametrize(
    ("name", "producers"),
    [
        ("residual", ["stem.weight[0]", "sum.branches.inner.a.weight[0]"]),
        ("transposed groups", ["stem.weight[0]", "stem.weight[0]", "up.weight[1]"]),
        ("shared module", ["stem.weight[0]"]),
        ("torch's attention", ["stem.weight[0]", *["block.inner.inner.in_proj_weight[0]"] * 3]),
    ],
)
def test_a_group_names_the_member_that_makes_its_channels(name: str, producers: list[str]) -> None:
    assert Group("a", 2, ()).producer == ""
    space = trace(NET[name].build(), NET[name].inputs())
    assert [group.producer for group in space.groups] == producers
    assert all(group.producer in group.members for group in space.groups)


def test_statistics_say_where_they_run() -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 2))
    space = trace(model, torch.zeros(2, 5))
    (norm,) = space.norms
    assert norm == Across(channels=norm.channels, groups=None, axis=-1)
    assert norm.channels is not None
    assert space.plan.labels[norm.channels].factors == ((0, 1, 2, 3, 4, 5),)


def test_a_rewritten_module_says_why() -> None:
    (entry,) = trace(NET["option A in a block"].build(), NET["option A in a block"].inputs()).rewritten
    assert entry in (
        Rewritten("block", "'pad' states a size of this axis"), Rewritten("block", "'slice' states a size of this axis")
    )  # fmt: skip
