from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn

import cpruner
from cpruner.errors import InputError
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)


def names(space: cpruner.PruningSpace) -> list[str]:
    return [group.name for group in space.groups]


def reasons(space: cpruner.PruningSpace) -> dict[str, str]:
    return {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}


def chain() -> nn.Module:
    layers = [nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3), nn.Linear(3, 2)]
    return nn.Sequential(*layers).double().eval()


def test_without_limits_everything_goes() -> None:
    assert names(cpruner.trace(chain(), X)) == ["0", "2", "4"]


def test_an_excluded_module_keeps_all_its_tensors() -> None:
    """Its outputs and its inputs: what feeds it keeps its channels too."""
    space = cpruner.trace(chain(), X, exclude=["2"])
    assert names(space) == ["4"]
    assert reasons(space)["2.weight[0]"] == reasons(space)["2.weight[1]"] == "belongs to an excluded module"
    small = cpruner.materialise(chain(), space.smallest())
    assert small[2].weight.shape == (5, 6)


def test_only_included_modules_lose_outputs() -> None:
    space = cpruner.trace(chain(), X, include=["2"])
    assert names(space) == ["2"]
    assert reasons(space)["0.weight[0]"] == "not made by an included module"


def test_a_shared_stream_is_included_with_any_of_its_makers() -> None:
    model, inputs = NET["residual"].build(), NET["residual"].inputs()
    every = cpruner.trace(model, inputs)
    only = cpruner.trace(model, inputs, include=["stem"])
    assert names(only) == ["stem"]
    assert len(every.groups) == 2
    assert only.groups[0].members == every.groups[0].members


def test_include_and_exclude_together() -> None:
    assert names(cpruner.trace(chain(), X, include=[nn.Linear], exclude=["5"])) == ["0", "2"]


@pytest.mark.parametrize("limit", [{"include": ["nope"]}, {"exclude": ["nope*"]}, {"exclude": [nn.LSTM]}])
def test_a_pattern_that_fits_nothing_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(limit))}: expected the name"):
        cpruner.trace(chain(), X, **limit)


def hidden(self: Any, x: Tensor) -> Tensor:
    """numpy takes the activations out of sight."""
    return self.b(torch.from_numpy(self.a(x).relu().numpy().copy()))


def test_what_tracing_cannot_see_may_be_declared() -> None:
    model = Function(hidden, a=nn.Linear(4, 6), b=nn.Linear(6, 2))
    assert names(cpruner.trace(model, X)) == []
    space = cpruner.trace(model, X, declared=[["a.weight[0]", "a.bias[0]", "b.weight[1]"]])
    assert names(space) == ["a"]
    assert space.verify(model, X).error <= 1e-12
    small = cpruner.materialise(model, space.smallest())
    assert (small.a.out_features, small.b.in_features) == (1, 1)


def test_what_is_declared_wrongly_is_found_by_the_proof() -> None:
    model = Function(
        lambda s, x: s.b(s.a(x).relu().tanh() + torch.arange(6, dtype=torch.float64)),
        a=nn.Linear(4, 6),
        b=nn.Linear(6, 2),
    )
    space = cpruner.trace(model, X, declared=[["a.weight[0]", "a.bias[0]", "b.weight[1]"]])
    assert names(space) == []
    assert any("fails" in reason for reason in reasons(space).values())


def test_a_declared_axis_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match=r"declared: expected axes of parameters or buffers"):
        cpruner.trace(chain(), X, declared=[["9.weight[0]"]])
