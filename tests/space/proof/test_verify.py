import sys
from typing import Any

import pytest
import torch
from invariants import check
from spaces import IMAGE, TOKENS, drawn, image_net, members, programs, reason, seeded, sizes, token_net
from torch import Tensor, nn

from cpruner.errors import TraceError
from cpruner.space import PruningSpace, trace
from cpruner.space.capture import Capture, Request
from cpruner.space.proof.verify import _Judge, prove
from cpruner.testing.nets import NETS


def proved(model: nn.Module, *inputs: Any) -> PruningSpace:
    with torch.no_grad():
        space = prove(Capture(model, inputs, Request()))
    for candidate in (space.dense(), space.smallest(), drawn(space, 0), drawn(space, 1)):
        check(model, inputs, space, candidate)
    return space


def chain(after: Any, head: Any = lambda h: h.mean((2, 3)), reads: int = 6) -> nn.Module:
    """Six convolutions ``c0`` to ``c5``, ``after`` each of them, then ``head`` and a linear layer."""

    def forward(self: Any, x: Tensor) -> Tensor:
        for number in range(6):
            x = after(number, getattr(self, f"c{number}")(x).relu())
        return self.fc(head(x))

    layers = {f"c{i}": nn.Conv2d(6 if i else 3, 6, 3, padding=1) for i in range(6)}
    return seeded(forward, fc=nn.Linear(reads, 2), **layers)


ALL = {f"c{i}": 6 for i in range(6)}


@pytest.mark.parametrize("net", [net for net in NETS if "attention" in net.name or "shuffle" in net.name])
def test_what_holds_stays_as_it_was_traced(net) -> None:
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            capture = Capture(net.build(), net.inputs(), Request())
            assert prove(capture) == capture.space({})[0]
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(
    "head", [lambda h: h.view(-1, 6 * 64), lambda h: h.view(2, 6 * 64), lambda h: h.reshape(2, 6, 64).flatten(1)]
)
def test_a_size_written_in_python_is_found_and_rewritten(head: Any) -> None:
    """The trace cannot tell ``view(-1, 384)`` from ``flatten``; the proof can."""
    space = proved(chain(lambda _, h: h, head, 6 * 64), IMAGE)
    assert sizes(space) == ALL
    assert programs(space) == {""}


def test_a_fault_inside_a_module_is_cured_there() -> None:
    block = seeded(lambda s, h: s.d(h).view(2, 8, 64).unflatten(2, (8, 8)), d=nn.Conv2d(8, 8, 1))
    space = proved(image_net(lambda s, h: s.block(h), block=block), IMAGE)
    assert sizes(space) == {"a": 8, "block.d": 8, "b": 4}
    assert programs(space) == {"block"}


def test_a_module_that_computes_something_else_gets_a_program_that_does_not() -> None:
    """The factor is a number in the trace, whatever it was made of."""
    space = proved(chain(lambda n, h: h * (6 / h.shape[1]) if n == 2 else h), IMAGE)
    assert sizes(space) == ALL
    assert programs(space) == {""}


def test_what_no_program_can_hold_is_frozen_and_nothing_else() -> None:
    """The code looks at a number of the image before it goes on."""

    def after(number: int, h: Tensor) -> Tensor:
        return h * (6 / h.shape[1]) * (2 if h.sum().item() > 1e9 else 1) if number == 3 else h

    space = proved(chain(after), IMAGE)
    assert sizes(space) == {name: size for name, size in ALL.items() if name != "c3"}
    assert reason(space, "c3.weight[0]").endswith("computes something else than with these channels at zero")


@pytest.mark.parametrize("looks", [False, True])
def test_groups_that_only_fail_together(looks: bool) -> None:
    """Either may shrink alone: the code only minds when both do. A program does not mind, where there can be one."""

    def forward(self: Any, x: Tensor) -> Tensor:
        left, right = self.a(x).mean((2, 3)), self.c(x).mean((2, 3))
        if left.shape[1] < 6 and right.shape[1] < 5:
            raise ValueError("both")
        if looks and left.sum().item() > 1e6:
            left = left + 1
        return self.fc(left) + self.gc(right)

    layers = {"a": nn.Conv2d(3, 6, 1), "c": nn.Conv2d(3, 5, 1), "fc": nn.Linear(6, 2), "gc": nn.Linear(5, 2)}
    space = proved(seeded(forward, **layers), IMAGE)
    if looks:
        assert sizes(space) == {}
        assert "ValueError: both" in reason(space)
    else:
        assert sizes(space) == {"a": 6, "c": 5}
        assert programs(space) == {""}


def test_two_channels_split_by_a_view() -> None:
    """``view(2, 2, 1, 8, 8)`` of two channels looks like a view that adds an axis."""
    model = seeded(
        lambda s, x: s.fc(s.a(x).view(2, 2, 1, 8, 8).transpose(1, 2).reshape(2, 2, 8, 8).mean((2, 3))),
        a=nn.Conv2d(3, 2, 1), fc=nn.Linear(2, 2),
    )  # fmt: skip
    assert sizes(proved(model, IMAGE)) == {"a": 2}


def test_an_operation_that_hides_what_it_does_is_found_by_its_results() -> None:
    """Numbers that went through numpy have lost their labels: the layer that reads them is of another width."""

    def hidden(_: Any, h: Tensor) -> Tensor:
        return torch.from_numpy(h.numpy().copy()) + h

    space = proved(token_net(hidden), TOKENS)
    assert sizes(space) == {}
    assert reason(space) == "combined element-wise with a tensor of fixed size"


def test_a_model_that_computes_something_new_every_time_is_refused() -> None:
    model = token_net(lambda s, h: h + 9 * torch.randn_like(h))
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        with pytest.raises(TraceError, match="expected the same output for the same input in eval mode"):
            proved(model, TOKENS)


def test_random_numbers_that_change_nothing_much_are_refused_as_well() -> None:
    """No comparison at 1e-5 would notice."""
    model = token_net(lambda s, h: h + 1e-9 * torch.randn_like(h))
    with torch.random.fork_rng(), pytest.raises(TraceError, match="expected the same output for the same input"):
        proved(model, TOKENS)


def test_random_numbers_that_are_always_the_same_are_welcome() -> None:
    def hidden(self: Any, h: Tensor) -> Tensor:
        return h * torch.rand(1, generator=torch.Generator().manual_seed(3))

    assert sizes(proved(token_net(hidden), TOKENS)) == {"a": 8}


def test_a_small_mistake_is_found_in_float64() -> None:
    """A term of a thousandth that follows the number of channels: below what float32 alone would be held to."""
    model = chain(lambda n, h: h * (1 + 1e-4 * h.shape[1]) if n == 2 else h).float()
    with torch.no_grad():
        space = prove(Capture(model, (IMAGE.float(),), Request()))
    assert programs(space) == {""}


def test_a_large_model_is_compared_in_its_own_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["cpruner.space.proof.verify"], "_LARGE", 100)
    model = chain(lambda n, h: h * (6 / h.shape[1]) if n == 2 else h).float()
    with torch.no_grad():
        judge = _Judge.of(capture := Capture(model, (IMAGE.float(),), Request()))
        assert (judge.tolerance, judge.inputs[0][0].dtype) == (1e-2, torch.float32)
        assert programs(prove(capture)) == {""}


def test_a_zero_initialised_classifier_hides_nothing() -> None:
    """All outputs are zero whatever is removed, yet the wrong factor is found."""
    model = chain(lambda n, h: h * (6 / h.shape[1]) if n == 2 else h)
    nn.init.zeros_(model.fc.weight)
    with torch.no_grad():
        space = prove(Capture(model, (IMAGE,), Request()))
    assert programs(space) == {""}
    assert not model.fc.weight.any()


def test_a_cast_that_does_nothing_in_single_precision_does_not_count_against_a_network() -> None:
    """Angles are made in single precision and cast to the type of the weights, which the trace does not see."""

    class Angles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.fc = nn.Linear(6, 8), nn.Parameter(torch.randn(5, 8)), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            angles = torch.linspace(0, 1, 5).sin()[None].expand(x.shape[1], -1)
            made = angles.type(self.b.dtype) @ self.b
            return self.fc((self.a(x) + made).chunk(2, -1)[0])

    model = Angles().eval()
    space = trace(model, TOKENS.float())
    assert [group.size for group in space.groups] == [4, 4]
    assert space.plan.programs
    proof = space.verify(model, TOKENS.float())
    assert proof.dtype == torch.float32
    assert proof.space.groups == space.groups


def test_the_reason_stands_at_every_axis_of_a_frozen_group() -> None:
    space = proved(image_net(lambda s, h: h + h.new_full((2, 8, 8, 8), 0 * h.sum().item())), IMAGE)
    assert members(space, "b") == {"b.weight[0]", "b.bias[0]", "fc.weight[1]"}
    assert len({reason(space, axis) for axis in ("a.weight[0]", "a.bias[0]", "b.weight[1]")}) == 1
