from dataclasses import FrozenInstanceError

import pytest

from cpruner.space import Frozen, Group, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
SPACE = trace(NET["option A in a block"].build(), NET["option A in a block"].inputs())


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Group("a", 2, ()).size = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Frozen("a.weight", 0, 2, 2, "why").reason = ""  # type: ignore[misc]


def test_a_group_lists_every_tensor_axis_that_shrinks_with_it() -> None:
    space = trace(NET["depthwise"].build(), NET["depthwise"].inputs())
    stem, point = space.groups
    assert set(stem.members) == {
        *("stem.weight[0]", "deep.weight[0]", "point.weight[1]"),
        *(f"bn.{name}[0]" for name in ("weight", "bias", "running_mean", "running_var")),
    }
    assert set(point.members) == {"point.weight[0]", "point.bias[0]", "twin.weight[0]", "head.weight[1]"}


def test_what_is_frozen_says_how_much_and_why() -> None:
    (entry,) = [entry for entry in SPACE.frozen if entry.tensor == "stem.weight" and entry.axis == 0]
    assert (entry.size, entry.kept) == (4, 4)
    assert entry.reason == "'slice' states a size of this axis in the forward of 'block'" or "'pad'" in entry.reason
