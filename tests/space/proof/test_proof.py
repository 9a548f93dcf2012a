import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from few import few
from spaces import IMAGE, TOKENS, drawn, image_net, numbers, seeded, token_net
from torch import Tensor, nn
from torch.nn.modules import module as internals

from cpruner.space import PruningSpace, trace
from cpruner.space.capture import Capture, Request
from cpruner.space.proof.proof import Fault, compare, first_fault, guilty
from cpruner.testing.nets import NETS

LAYERS = {f"c{i}": nn.Conv2d(6 if i else 3, 6, 3, padding=1) for i in range(6)}


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def unproved(model: nn.Module, *inputs: Any) -> PruningSpace:
    """What the trace alone finds."""
    return Capture(model, inputs, Request()).space({})[0]


def chain(after: Any = lambda number, h: h, head: Any = lambda h: h.mean((2, 3)), **parts: nn.Module) -> nn.Module:
    """Six convolutions, ``after`` each of them, then ``head`` and a linear layer."""

    def forward(self: Any, x: Tensor) -> Tensor:
        for number in range(6):
            x = after(number, getattr(self, f"c{number}")(x).relu())
        return self.fc(head(x))

    return seeded(forward, **{**LAYERS, "fc": nn.Linear(6, 2), **parts})


def found(model: nn.Module, *inputs: Tensor, tolerance: float = 1e-9) -> dict[str, Fault]:
    """The guilty groups by name."""
    space = unproved(model, *inputs)
    faults = guilty(model, space, [inputs], tolerance, range(len(space.groups)))
    return {space.groups[number].name: fault for number, fault in faults.items()}


@pytest.mark.parametrize("net", few(NETS))
def test_what_holds_differs_by_rounding_only_and_leaves_the_model_alone(net) -> None:
    model, inputs = net.build(), net.inputs()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        space = unproved(model, *inputs)
        for seed in range(2):
            error = compare(model, space, drawn(space, seed), inputs, 1e-9)
            assert isinstance(error, float)
            assert error < 1e-9
        assert first_fault(model, space, [inputs], 1e-9, range(len(space.groups))) is None
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_network_that_fails_says_why_and_where() -> None:
    block = seeded(lambda s, h: s.d(h).view(2, 8, 64).unflatten(2, (8, 8)), d=nn.Conv2d(8, 8, 1))
    model = image_net(lambda s, h: s.block(h), block=block)
    space = unproved(model, IMAGE)
    fault = compare(model, space, space.smallest(), (IMAGE,), 1e-9)
    assert isinstance(fault, Fault)
    assert fault.reason.startswith("without some of its channels the network fails: RuntimeError: shape '[2, 8, 64]'")
    assert fault.path == "block"


def test_torch_s_own_layers_fail_because_of_what_they_are_given() -> None:
    """The linear layer fails; the model around it is to blame."""
    model = chain(head=lambda h: torch.cat([h.mean((2, 3)), torch.zeros(2, 6 - h.shape[1] // 2 * 2, dtype=h.dtype)], 1))
    space = unproved(model, IMAGE)
    fault = compare(model, space, space.smallest(), (IMAGE,), 1e-9)
    assert isinstance(fault, Fault)
    assert fault.path == ""


def test_a_size_taken_from_another_group_of_the_same_size_shows() -> None:
    """The third layer has as many units as the first, whose number its code uses."""

    def mistaken(self: Any, x: Tensor) -> Tensor:
        first = self.a(x)
        third = self.c(self.b(first))
        return self.d(third.transpose(1, 2).reshape(len(x), first.shape[2], -1).transpose(1, 2))

    parts = {"a": nn.Linear(6, 8), "b": nn.Linear(8, 5), "c": nn.Linear(5, 8), "d": nn.Linear(8, 2)}
    space = trace(seeded(mistaken, **parts), TOKENS)
    assert [(group.name, group.size) for group in space.groups] == [("a", 8), ("b", 5), ("c", 8)]
    assert [program.module for program in space.plan.programs] == [""]


def test_a_transformer_checks_its_own_width() -> None:
    """``nn.Transformer`` compares what it is given with ``d_model``."""
    parts = {"a": nn.Linear(6, 8), "t": nn.Transformer(8, 2, 1, 1, 12, batch_first=True), "fc": nn.Linear(8, 2)}
    model = seeded(lambda s, x: s.fc(s.t(s.a(x), torch.cat([s.a(x), s.a(x)], 1))), **parts)
    model.t.encoder.enable_nested_tensor = False
    space = trace(model, TOKENS)
    assert "a" in [group.name for group in space.groups]
    assert "t" in [program.module for program in space.plan.programs]


def test_no_hooks_are_left_behind_even_by_a_failure() -> None:
    model = chain(head=lambda h: h.view(2, 6, 64).mean(2))
    space = unproved(model, IMAGE)
    assert isinstance(compare(model, space, space.smallest(), (IMAGE,), 1e-9), Fault)
    assert not internals._global_forward_hooks
    assert not internals._global_forward_pre_hooks


def test_a_network_that_computes_something_else_is_a_fault_beyond_the_tolerance() -> None:
    """The mean divides by a stated number of channels."""
    model = chain(head=lambda h: h.mean((2, 3)) * (6 / h.shape[1]))
    space = unproved(model, IMAGE)
    half = space.uniform(0.5)
    fault = compare(model, space, half, (IMAGE,), 1e-9)
    assert isinstance(fault, Fault)
    assert fault.reason.endswith("computes something else than with these channels at zero")
    assert fault.path is None
    error = compare(model, space, half, (IMAGE,), 10.0)
    assert isinstance(error, float)
    assert 0.1 < error < 10


def test_a_result_of_another_shape_is_as_wrong_as_can_be() -> None:
    model = seeded(
        lambda s, x: s.fc(s.a(x)).sum() + torch.zeros(s.a(x).shape[-1]), a=nn.Linear(6, 8), fc=nn.Linear(8, 2)
    )
    space = unproved(model, TOKENS)
    assert isinstance(compare(model, space, space.smallest(), (TOKENS,), 1e9), Fault)


def test_what_is_divided_by_a_removed_number_is_removed_and_the_rest_is_still_compared() -> None:
    model = token_net(lambda s, h: h / s.scale, scale=nn.Parameter(torch.ones(8)))
    space = unproved(model, TOKENS)
    error = compare(model, space, space.smallest(), (TOKENS,), 1e-9)
    assert isinstance(error, float)
    assert error < 1e-9
    wrong = token_net(lambda s, h: h / s.scale * (8 / h.shape[-1]), scale=nn.Parameter(torch.ones(8)))
    space = unproved(wrong, TOKENS)
    assert isinstance(compare(wrong, space, space.smallest(), (TOKENS,), 1e-9), Fault)


def test_weight_norm_is_compared_as_well() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
    space = unproved(model := token_net(lambda s, h: s.normed(h), normed=layer), TOKENS)
    assert compare(model, space, space.smallest(), (TOKENS,), 1e-9) < 1e-9
    wrong = token_net(lambda s, h: s.normed(h) * (8 / h.shape[-1]), normed=copy.deepcopy(layer))
    space = unproved(wrong, TOKENS)
    assert isinstance(compare(wrong, space, space.smallest(), (TOKENS,), 1e-9), Fault)


def test_norms_are_compared_with_those_of_the_kept_channels() -> None:
    model = token_net(lambda s, h: s.norm(h).sigmoid(), norm=nn.LayerNorm(8))
    space = unproved(model, TOKENS)
    assert len(space.norms) == 1
    error = compare(model, space, space.uniform(0.5), (TOKENS,), 1e-9)
    assert isinstance(error, float)
    assert error < 1e-12


@pytest.mark.parametrize("view", [lambda h: h.view(2, 6, 64).mean(2), lambda h: h.sum((2, 3)) / h.shape[1]])
def test_only_the_group_that_breaks_the_network_is_guilty(view: Any) -> None:
    assert set(found(chain(head=view), IMAGE)) == {"c5"}


def test_the_guilty_ones_are_found_among_many() -> None:
    """The code after the second and the fifth convolution states their channels."""
    model = chain(lambda n, h: h * (6 / h.shape[1]) if n in (1, 4) else h)
    assert set(found(model, IMAGE)) == {"c1", "c4"}


def test_a_size_that_only_fails_at_one_channel_is_found() -> None:
    """Any width but one will do, as with an unqualified ``squeeze``."""
    model = chain(head=lambda h: h.mean((2, 3)) if h.shape[1] > 1 else h.mean((2, 3)).view(2, 6))
    assert set(found(model, IMAGE)) == {"c5"}


def test_groups_that_only_fail_together_are_all_guilty() -> None:
    """Either may shrink alone: the code only minds when both do."""

    def forward(self: Any, x: Tensor) -> Tensor:
        left, right = self.a(x).mean((2, 3)), self.c(x).mean((2, 3))
        if left.shape[1] < 6 and right.shape[1] < 5:
            raise ValueError("both")
        return self.fc(left) + self.gc(right)

    layers = {"a": nn.Conv2d(3, 6, 1), "c": nn.Conv2d(3, 5, 1), "fc": nn.Linear(6, 2), "gc": nn.Linear(5, 2)}
    faults = found(seeded(forward, **layers), IMAGE)
    assert set(faults) == {"a", "c"}
    assert {fault.reason for fault in faults.values()} == {
        "without some of its channels the network fails: ValueError: both"
    }


def test_nothing_is_tried_without_groups() -> None:
    model = chain()
    space = unproved(model, IMAGE)
    assert first_fault(model, space, [(IMAGE,)], 0.0, []) is None
    assert guilty(model, space, [(IMAGE,)], 1e-9, [2, 4]) == {}


def test_the_inputs_are_taken_in_turn() -> None:
    """Half the channels on the first input, one channel on the second; an odd half is rounded up."""
    seen: list[tuple[int, int]] = []

    def watched(self: Any, x: Tensor) -> Tensor:
        hidden = self.a(x)
        seen.append((len(x), hidden.shape[1]))
        return self.fc(hidden.mean((2, 3)))

    model = seeded(watched, a=nn.Conv2d(3, 6, 1), fc=nn.Linear(6, 2))
    space = unproved(model, IMAGE)
    seen.clear()
    assert first_fault(model, space, [(IMAGE,), (numbers(4, 3, 8, 8),)], 1e-9, [0]) is None
    assert seen == [(2, 3), (2, 6), (4, 1), (4, 6)]
