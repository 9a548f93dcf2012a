from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from few import few
from function import Function
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check
from random_nets import candidates
from torch import Tensor, nn

from cpruner.errors import InputError, TraceError
from cpruner.space import trace
from cpruner.testing.nets import NETS, Net

NET = {net.name: net for net in NETS}
X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8)


def small_net() -> nn.Module:
    """Dropout in training mode inside, batch norm in training mode, one frozen parameter, user hooks."""
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5), nn.Flatten(), nn.Linear(216, 2))
    model[0].weight.requires_grad_(False)
    model[1].eval()
    return model


def invariants_hold(net: Net, data: st.DataObject) -> None:
    model, inputs = net.build(data.draw(st.integers(0, 1000))), net.inputs()
    space = trace(model, inputs)
    check(model, inputs, space, data.draw(candidates(space)))


@pytest.mark.parametrize("net", few(NETS))
@settings(max_examples=3)
@given(data=st.data())
def test_the_mask_equals_surgery_and_the_counts_agree(net: Net, data: st.DataObject) -> None:
    invariants_hold(net, data)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@settings(max_examples=25)
@given(data=st.data())
def test_they_agree_for_more_weights_and_candidates(net: Net, data: st.DataObject) -> None:
    invariants_hold(net, data)


def test_the_model_is_left_bit_for_bit_as_it_was() -> None:
    model = small_net()
    handle = model[0].register_forward_hook(lambda *_: None)
    tensors = {name: (tensor, tensor.clone()) for name, tensor in model.state_dict(keep_vars=True).items()}
    before = {
        "modes": [module.training for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()],
        "gradients": [(p.requires_grad, p.grad) for p in model.parameters()],
        "random": torch.get_rng_state().tolist(),
        "enabled": torch.is_grad_enabled(),
    }
    trace(model, X.float())
    handle.remove()
    after = model.state_dict(keep_vars=True)
    assert all(after[name] is tensor and torch.equal(tensor, value) for name, (tensor, value) in tensors.items())
    assert before == {
        "modes": [module.training for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "hooks": [(1 if m is model[0] else 0, 0) for m in model.modules()],
        "gradients": [(p.requires_grad, p.grad) for p in model.parameters()],
        "random": torch.get_rng_state().tolist(),
        "enabled": torch.is_grad_enabled(),
    }


def test_random_draws_inside_the_model_do_not_move_the_generator() -> None:
    noise = lambda x: torch.rand_like(x) * 0  # noqa: E731
    model = Function(lambda s, x: s.fc(x + noise(x)), fc=nn.Linear(8, 2))
    before = torch.get_rng_state()
    trace(model, X)
    assert torch.equal(before, torch.get_rng_state())


def test_buffers_that_a_forward_pass_changes_are_restored() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        self.count.add_(1)
        self.last = self.last + 1
        return self.fc(x)

    model = Function(forward, count=torch.zeros(()), last=torch.zeros(3), fc=nn.Linear(8, 2))
    buffers = dict(model.named_buffers())
    trace(model, X)
    assert all(model.get_buffer(name) is buffer and not buffer.any() for name, buffer in buffers.items())


def test_nothing_is_left_behind_when_the_model_fails() -> None:
    model = small_net()
    before = torch.get_rng_state()
    with pytest.raises(TraceError):
        trace(model, torch.zeros(1, 4, 8, 8))
    assert [module.training for module in model] == [True, False, True, True, True]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.is_grad_enabled()
    assert trace(model, X.float()).sizes == (6,)


def test_the_message_of_a_failing_model_shows_shapes_cause_and_remedy() -> None:
    with pytest.raises(TraceError, match=r"on \(\(1, 4, 8, 8\)\).*expected input.*Give inputs"):
        trace(small_net(), torch.zeros(1, 4, 8, 8))
    with pytest.raises(TraceError, match="TypeError"):
        trace(small_net(), (X.float(), X.float()))


@pytest.mark.parametrize("option", ["multiple_of", "min_width"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_rounding_options_are_checked(option: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{option}: expected an integer >= 1, got {value}"):
        trace(small_net(), X.float(), **{option: value})


def test_an_input_on_another_device_is_refused() -> None:
    with pytest.raises(InputError, match="one on meta"):
        trace(small_net(), torch.zeros(1, 3, 8, 8, device="meta"))


@dataclass
class Output:
    logits: Tensor


@pytest.mark.parametrize("wrap", [lambda y: {"y": [y]}, lambda y: (1, y), Output, lambda y: [Output(y)]])
def test_outputs_of_any_form_are_frozen(wrap: Any) -> None:
    model = Function(lambda s, x: wrap(s.fc(s.conv(x).mean((2, 3)))), conv=nn.Conv2d(3, 6, 3), fc=nn.Linear(6, 4))
    space = trace(model, X)
    assert [(group.name, group.size) for group in space.groups] == [("conv", 6)]
    assert {e.tensor: e.reason for e in space.frozen}["fc.bias"] == "output of the network"


def test_inputs_and_outputs_keep_their_channels() -> None:
    space = trace(nn.Conv2d(3, 5, 1).double(), X)
    assert space.groups == ()
    assert {(e.tensor, e.axis, e.kept): e.reason for e in space.frozen} == {
        ("weight", 0, 5): "output of the network",
        ("weight", 1, 3): "reads a tensor of fixed size",
        ("bias", 0, 5): "output of the network",
    }


def test_an_unknown_op_freezes_what_it_reads_and_is_named() -> None:
    model = Function(
        lambda s, x: s.fc(s.b(torch.linalg.inv(s.a(x))).mean((2, 3))),
        a=nn.Conv2d(3, 6, 3), b=nn.Conv2d(6, 5, 3), fc=nn.Linear(5, 2),
    )  # fmt: skip
    space = trace(model, X)
    assert [group.name for group in space.groups] == ["b"]
    assert {e.tensor: e.reason for e in space.frozen}["a.bias"] == "op 'linalg_inv_ex' has no rule"


def test_products_of_tokens_are_counted() -> None:
    """Tokens against tokens, then with values: 3 channels of an image are the tokens, 6 and 5 features can go."""

    def attend(self: Any, x: Tensor) -> Tensor:
        tokens = self.a(x.flatten(2))
        return self.fc((tokens @ tokens.transpose(1, 2)).softmax(-1) @ self.b(x.flatten(2)).relu())

    model = Function(attend, a=nn.Linear(64, 6), b=nn.Linear(64, 5), fc=nn.Linear(5, 2))
    space = trace(model, X)
    assert space.sizes == (6, 5)
    check(model, (X,), space, space.smallest())
    macs = {widths: space.algebra.counts(widths).macs for widths in ((6, 5), (1, 5), (1, 1))}
    for (a, b), found in macs.items():
        assert found == 2 * 3 * (64 * a + 64 * b + 3 * a + 3 * b + 2 * b)


def test_outputs_of_the_same_tensor_as_the_input_are_no_problem() -> None:
    model = Function(lambda s, x: (x, s.b(s.a(x))), a=nn.Linear(8, 6), b=nn.Linear(6, 2))
    space = trace(model, X)
    check(model, (X,), space, space.smallest())
    assert space.sizes == (6,)


def test_a_result_that_is_also_read_inside_is_an_output() -> None:
    """Hidden features are returned beside the logits."""

    def both(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.a(x)
        return hidden, self.b(hidden)

    space = trace(Function(both, a=nn.Linear(8, 6), b=nn.Linear(6, 2)), X)
    assert space.groups == ()
    assert {e.tensor: e.reason for e in space.frozen if e.axis == 0}["a.weight"] == "output of the network"


def test_keyword_only_models_are_wrapped_in_a_positional_one() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 6), nn.Linear(6, 2)

        def forward(self, *, image: Tensor) -> dict[str, Tensor]:
            return {"logits": self.b(self.a(image))}

    model = Function(lambda s, x: s.inner(image=x), inner=Named())
    assert trace(model, X).sizes == (6,)


def test_unused_parameters_are_counted_and_stay() -> None:
    model = Function(lambda s, x: s.fc(s.a(x)), a=nn.Linear(8, 6), b=nn.Linear(70, 90), fc=nn.Linear(6, 2))
    space = trace(model, X)
    small = check(model, (X,), space, space.smallest())
    assert small.b.weight.shape == (90, 70)


def test_python_control_flow_of_the_run_is_what_counts() -> None:
    model = Function(
        lambda s, x: s.fc(s.a(x) if x.sum() > 0 else s.b(x)), a=nn.Linear(8, 6), b=nn.Linear(8, 6), fc=nn.Linear(6, 2)
    )
    assert [trace(model, sign * X.abs()).groups[0].name for sign in (1, -1)] == ["a", "b"]


def test_the_batch_size_of_the_example_only_scales_the_flops() -> None:
    net = NET["residual"]
    model, (x,) = net.build(), net.inputs()
    one, two = trace(model, x[:1]), trace(model, x)
    assert one.groups == two.groups
    assert two.count(two.smallest()).flops == 2 * one.count(one.smallest()).flops


def test_two_traces_of_one_model_agree() -> None:
    model, inputs = NET["dense block"].build(), NET["dense block"].inputs()
    one, two = trace(model, inputs), trace(model, inputs)
    assert one == two
    assert one.plan.fingerprint == two.plan.fingerprint
    generator = np.random.default_rng(0)
    assert two.random(generator).structure == one.dense().structure
