from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space import PruningSpace, trace

X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8).cos()


def checked(forward: Any, **parts: Any) -> PruningSpace:
    """Two convolutions to 8 channels, the op, mean, linear."""
    fixed = {"a": nn.Conv2d(3, 8, 1), "b": nn.Conv2d(3, 8, 1), "fc": nn.Linear(8, 2)}
    model = Function(lambda s, x: s.fc(forward(s, x).mean((2, 3))), **{**fixed, **parts})
    space = trace(model, X)
    for ratio in (0.0, 0.5, 1.0):
        check(model, (X,), space, space.uniform(ratio))
    return space


def sizes(space: PruningSpace) -> dict[str, int]:
    return {group.name: group.size for group in space.groups}


def reason(space: PruningSpace, tensor: str = "a.bias") -> str:
    return {entry.tensor: entry.reason for entry in space.frozen}[tensor]


@pytest.mark.parametrize(
    "function",
    [
        *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.GELU(), nn.SiLU()),
        *(nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.PReLU(), nn.PReLU(8)),
        *(nn.Dropout(), nn.Identity(), torch.abs, torch.clone, torch.exp, torch.square),
        lambda h: 2 * h - 1,
        lambda h: h.clamp(0, 1).detach().contiguous(),
        lambda h: torch.where(h > 0, h, -h),
        lambda h: h.masked_fill(h > 0, 0.5),
        lambda h: functional.dropout(h, 0.0, True),
        lambda h: h.add_(1).mul_(2).sigmoid_(),
        lambda h: h * h.mean((2, 3), keepdim=True),
        lambda h: h.to(torch.float32).double(),
    ],
)
def test_functions_of_one_tensor(function: Any) -> None:
    parts = {"act": function} if isinstance(function, nn.Module) else {}
    assert sizes(checked(lambda s, x: (s.act if parts else function)(s.a(x)), **parts)) == {"a": 8}


@pytest.mark.parametrize(
    "function",
    [
        torch.add, torch.sub, torch.mul, torch.maximum, lambda a, b: a / (b.exp() + 1), lambda a, b: a.mul_(b),
        lambda a, b: torch.lerp(a, b, 0.3), lambda a, b: torch.where(a > b, a, b), lambda a, b: torch.addcmul(a, a, b),
    ],
)  # fmt: skip
def test_operands_that_meet_are_tied(function: Any) -> None:
    space = checked(lambda s, x: function(s.a(x), s.b(x)))
    assert sizes(space) == {"a": 8}
    assert {"a.weight[0]", "b.weight[0]", "fc.weight[1]"} <= set(space.groups[0].members)


@pytest.mark.parametrize("other", [1, nn.Conv2d(3, 1, 1), torch.ones(1, 1, 8, 8), torch.ones(8)])
def test_what_broadcasts_along_the_channels_ties_nothing(other: Any) -> None:
    """A number, one channel of attention, an image, a row of pixels."""
    space = checked(lambda s, x: s.a(x) * (s.other(x) if isinstance(other, nn.Module) else s.other), other=other)
    assert sizes(space)["a"] == 8


@pytest.mark.parametrize("shape", [(8, 1, 1), (1, 8, 1, 1), (8, 8, 8)])
def test_parameters_and_buffers_shrink_along(shape: tuple[int, ...]) -> None:
    values = torch.linspace(1, 2, int(torch.tensor(shape).prod())).reshape(shape)
    for tensor in (nn.Parameter(values), values):
        space = checked(lambda s, x: s.a(x) * s.scale, scale=tensor)
        axis = shape.index(8) if shape != (8, 8, 8) else 0
        assert f"scale[{axis}]" in space.groups[0].members


def test_a_constant_of_the_same_size_freezes() -> None:
    constant = torch.ones(8, 1, 1, dtype=torch.float64)
    space = checked(lambda s, x: s.a(x) + constant)
    assert sizes(space) == {}
    assert reason(space) == "combined element-wise with a tensor of fixed size"


def test_a_sum_in_place_into_a_constant_freezes() -> None:
    space = checked(lambda s, x: torch.zeros(2, 8, 8, 8, dtype=torch.float64).add_(s.a(x)))
    assert sizes(space) == {}


def test_an_outer_product_merged_into_one_axis_keeps_its_channels() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        outer = self.a(x).mean((2, 3))[:, :, None] * self.c(x).mean((2, 3))[:, None, :]
        return outer.flatten(1)[:, :, None, None]

    space = checked(forward, c=nn.Conv2d(3, 2, 1), fc=nn.Linear(16, 2))
    assert sizes(space) == {}
    assert reason(space) == "two groups of channels share an axis"


def test_channels_that_meet_other_channels_entangled_freeze() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        outer = self.a(x).mean((2, 3))[:, :, None] * self.c(x).mean((2, 3))[:, None, :]
        return (outer.flatten(1) * self.d(x).mean((2, 3)))[:, :, None, None]

    space = checked(forward, c=nn.Conv2d(3, 2, 1), d=nn.Conv2d(3, 16, 1), fc=nn.Linear(16, 2))
    assert sizes(space) == {}


def test_an_outer_product_keeps_both_axes_free_until_they_are_merged() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return (self.a(x).mean((2, 3))[:, :, None] * self.c(x).mean((2, 3))[:, None, :])[:, :, :, None].sum(
            2, keepdim=True
        )

    assert sizes(checked(forward, c=nn.Conv2d(3, 5, 1))) == {"a": 8}


def test_an_op_with_several_results_freezes() -> None:
    space = checked(lambda s, x: torch.frexp(s.a(x))[0])
    assert reason(space) == "op 'frexp' has no rule"
