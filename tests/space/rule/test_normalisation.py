from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space import PruningSpace, trace

X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8).sin()


def checked(forward: Any, inputs: Tensor = X, **parts: Any) -> PruningSpace:
    model = Function(forward, **parts)
    space = trace(model, inputs)
    for ratio in (0.0, 0.5, 1.0):
        check(model, (inputs,), space, space.uniform(ratio))
    return space


def image_net(norm: nn.Module, inputs: Tensor = X) -> PruningSpace:
    parts = {"a": nn.Conv2d(3, 8, 3), "norm": norm, "fc": nn.Linear(8, 2)}
    return checked(lambda s, x: s.fc(s.norm(s.a(x)).sigmoid().mean((2, 3))), inputs, **parts)


@pytest.mark.parametrize(
    ("norm", "vectors"),
    [
        (nn.BatchNorm2d(8), {"weight", "bias", "running_mean", "running_var"}),
        (nn.BatchNorm2d(8, affine=False), {"running_mean", "running_var"}),
        (nn.BatchNorm2d(8, track_running_stats=False), {"weight", "bias"}),
        (nn.InstanceNorm2d(8, affine=True), {"weight", "bias"}),
        (
            nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
            {"weight", "bias", "running_mean", "running_var"},
        ),
    ],
)
@pytest.mark.parametrize("images", [1, 2])
def test_vectors_go_where_the_channel_goes(norm: nn.Module, vectors: set[str], images: int) -> None:
    (group,) = image_net(norm, X[:images]).groups
    assert {member for member in group.members if member.startswith("norm.")} == {f"norm.{v}[0]" for v in vectors}


def test_statistics_of_the_input_forbid_removing_what_they_are_taken_over() -> None:
    """Channels moved to the rows of the image: instance norm averages over them, batch norm in eval does not."""
    parts = {"a": nn.Conv2d(3, 8, 3), "fc": nn.Linear(8, 2)}

    def forward(self: Any, x: Tensor) -> Tensor:
        moved = functional.instance_norm(self.a(x).transpose(1, 2))
        return self.fc(moved.transpose(1, 2).mean((2, 3)))

    assert checked(forward, **parts).groups == ()
    assert [
        g.size
        for g in checked(
            lambda s, x: s.fc(s.norm(s.a(x).transpose(1, 2)).mean((1, 3))), norm=nn.BatchNorm2d(6), **parts
        ).groups
    ] == [8]


def test_vectors_that_are_no_parameters_freeze() -> None:
    mean, var = torch.zeros(8, dtype=torch.float64), torch.ones(8, dtype=torch.float64)
    space = checked(
        lambda s, x: s.fc(functional.batch_norm(s.a(x), mean, var).mean((2, 3))),
        a=nn.Conv2d(3, 8, 3),
        fc=nn.Linear(8, 2),
    )
    assert space.groups == ()
    assert {e.tensor: e.reason for e in space.frozen}["a.bias"] == "normalises channels of fixed number"


def test_a_norm_of_the_input_keeps_its_channels() -> None:
    space = checked(
        lambda s, x: s.fc(s.a(s.norm(x)).mean((2, 3))), norm=nn.BatchNorm2d(3), a=nn.Conv2d(3, 8, 3), fc=nn.Linear(8, 2)
    )
    assert [group.name for group in space.groups] == ["a"]
    assert {e.tensor: e.reason for e in space.frozen}["norm.weight"] == "normalises channels of fixed number"


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 8), nn.LayerNorm([8, 6, 6])])
def test_norms_across_channels_freeze(norm: nn.Module) -> None:
    space = image_net(norm)
    assert space.groups == ()
    assert {e.tensor: e.reason for e in space.frozen}["a.bias"].endswith("has no rule")
