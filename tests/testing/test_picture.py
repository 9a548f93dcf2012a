from collections.abc import Callable

import pytest
import torch
from torch import nn

from cpruner.testing.picture import picture, same

X = (torch.ones(2, 3),)


def network() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).train()
    model(X[0]).sum().backward()
    return model


def changed(change: Callable[[nn.Module], object]) -> set[str]:
    model = network()
    inputs = (X[0].clone(),)
    before = picture(model, inputs)
    assert all(same(old, picture(model, inputs)[what]) for what, old in before.items())
    change(model)
    after = picture(model, inputs)
    return {what for what, old in before.items() if not same(old, after[what])}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m: m[0].weight.data.add_(1), "the weights or buffers"),
        (lambda m: m[1].running_mean.add_(1), "the weights or buffers"),
        (lambda m: m.zero_grad(), "the gradients"),
        (lambda m: m[0].weight.requires_grad_(False), "which parameters learn"),
        (lambda m: m[1].eval(), "the training flags"),
        (lambda m: setattr(m[0], "note", 1), "the attributes of a module"),
        (lambda m: setattr(m[0], "__class__", type("Other", (nn.Linear,), {})), "the class of a module"),
        (lambda m: m[2].register_forward_hook(lambda *_: None), "the hooks of a module"),
        (lambda m: m[2].register_forward_pre_hook(lambda *_: None), "the hooks of a module"),
    ],
)
def test_each_change_shows_and_nothing_else(change: Callable[[nn.Module], object], what: str) -> None:
    assert changed(change) == {what}


def test_changes_of_torch_show() -> None:
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        assert changed(lambda _: torch.rand(1)) == {"the random state"}
    try:
        assert changed(lambda _: torch.set_num_threads(threads + 1)) == {"the number of threads"}
    finally:
        torch.set_num_threads(threads)
    with torch.enable_grad():
        assert changed(lambda _: torch._C._set_grad_enabled(False)) == {"the gradient mode"}
    try:
        assert changed(lambda _: torch.backends.mha.set_fastpath_enabled(False)) == {"torch's fused attention"}
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_inputs_in_any_nesting() -> None:
    inputs = ({"x": [torch.ones(2)]},)
    before = picture(nn.Identity(), inputs)
    inputs[0]["x"][0].add_(1)
    assert not same(before["the example inputs"], picture(nn.Identity(), inputs)["the example inputs"])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (torch.ones(2), torch.ones(2), True),
        (torch.ones(2), torch.ones(2).double(), False),
        (torch.ones(2), torch.ones(3), False),
        (torch.ones(2), None, False),
        (None, None, True),
        ({"a": torch.ones(1)}, {"a": torch.ones(1)}, True),
        ({"a": torch.ones(1)}, {"b": torch.ones(1)}, False),
        ([1, (2,)], [1, (2,)], True),
        ([1], [1, 2], False),
        ("a", "b", False),
    ],
)
def test_same(one: object, other: object, expected: bool) -> None:
    assert same(one, other) is expected
