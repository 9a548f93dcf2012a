import pytest
import torch
from function import Function
from torch import nn

import cpruner
from cpruner.errors import InputError
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def test_a_module_is_explained_axis_by_axis() -> None:
    space = cpruner.trace(NET["residual"].build(), NET["residual"].inputs())
    lines = space.explain("stem").splitlines()
    assert lines[0].startswith("stem.weight[0]: 8 of 8 indices can go with group 'stem' (8 units), together with ")
    assert lines[1] == "stem.weight[1]: 3 of 3 indices stay: reads a tensor of fixed size"
    assert " and " in lines[0]
    assert lines[0].endswith("more")


def test_a_tensor_is_explained_alone() -> None:
    space = cpruner.trace(NET["flatten"].build(), NET["flatten"].inputs())
    text = space.explain("head.weight")
    assert {line.split(":")[0] for line in text.splitlines()} == {"head.weight[0]", "head.weight[1]"}
    assert "216 of 216 indices can go with group 'conv' (6 units), together with conv.weight[0], conv.bias[0]" in text


def test_a_rewritten_module_says_why() -> None:
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    halves = Function(lambda s, h: s.inner(h)[:, :3], inner=nn.Linear(8, 6))
    model = Function(lambda s, x: s.fc(s.halves(s.a(x))), a=nn.Linear(4, 8), halves=halves, fc=nn.Linear(3, 2))
    text = cpruner.trace(model, x).explain("halves")
    assert "halves: runs a program of cpruner instead of its own code: 'slice' states a size of this axis" in text


@pytest.mark.parametrize("name", ["nothing", "ste", ""])
def test_an_unknown_name_is_refused_with_known_ones(name: str) -> None:
    space = cpruner.trace(NET["residual"].build(), NET["residual"].inputs())
    with pytest.raises(InputError, match=r"a module or tensor of the traced network.*Known are bn, head"):
        space.explain(name)
