from typing import Any

import pytest
import torch
from function import Function
from stating import seeded, tokens
from thorough import thorough
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.space import trace


def halved(forward: Any) -> nn.Module:
    """A module whose code states the size of a half, and does something more to it."""
    inner = Function(lambda s, x: s.b(forward(s, s.a(x)[..., :3])), a=nn.Linear(5, 6), b=nn.Linear(3, 4))
    return seeded(lambda: nn.Sequential(inner))


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, h: h[:, [0, 2]],
        lambda s, h: h[:, [[0, 2], [1, -1]]].sum(1),
        lambda s, h: h[:, [True, False, True, True]],
        lambda s, h: h * torch.tensor(0.5, dtype=h.dtype),
        lambda s, h: h * torch.tensor([[0.5], [1.5], [2.0], [1.0]], dtype=h.dtype),
        lambda s, h: h + torch.sqrt(torch.tensor(4, dtype=h.dtype)),
    ],
)
def test_small_constants_are_written_down(forward: Any) -> None:
    space = thorough(halved(forward), tokens())
    assert [group.size for group in space.groups] == [3, 3]
    (program,) = space.plan.programs
    assert "torch.tensor" in [node.op for node in program.nodes]


def test_a_constant_has_the_type_of_the_network_in_any_precision() -> None:
    model = halved(lambda s, h: h * torch.tensor([0.5], dtype=h.dtype)).float()
    small = materialise(model, trace(model, tokens().float()).uniform(0.5))
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert small.to(dtype)(tokens().to(dtype)).dtype == dtype


def test_a_constant_that_depends_on_the_batch_is_refused() -> None:
    space = trace(halved(lambda s, h: h * torch.tensor(len(h), dtype=h.dtype)), tokens())
    assert "the numbers of a constant depend on the batch size" in str(space)
    assert space.plan.programs == ()


def test_an_input_that_reaches_a_module_by_another_way_is_no_constant() -> None:
    inner = Function(lambda s, x: s.b(s.a(x)[..., :3][:, s.box[0]]), a=nn.Linear(5, 6), b=nn.Linear(3, 4))

    def forward(self: Any, x: Tensor, places: Tensor) -> Tensor:
        self.inner.box = [places]
        return self.inner(x)

    model = seeded(lambda: Function(forward, inner=inner))
    model.inner.box = []
    space = thorough(model, tokens(), torch.tensor([0, 2]), batches=())
    assert [program.module for program in space.plan.programs] == [""]
    small = materialise(model, space.uniform(0.5))
    one, other = (small(tokens(), torch.tensor(places)) for places in ([0, 2], [2, 0]))
    assert torch.equal(one, other.flip(1))
