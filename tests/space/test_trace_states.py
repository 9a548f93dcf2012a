"""Networks in whatever state users bring them: another precision, no numbers at all, hooks, wrapped weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from cpruner.candidate import materialise
from cpruner.space import trace


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        body = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU()
        return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))


def images() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def doubled(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    return output * 2


def changed(change: Callable[[nn.Sequential], Any]) -> nn.Sequential:
    model = network()
    change(model)
    return model


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype: torch.dtype) -> None:
    model, x = network().to(dtype), images().to(dtype)
    space = trace(model, x)
    assert [group.size for group in space.groups] == [8, 6]
    assert materialise(model, space.uniform(0.5))(x).dtype == dtype
    assert space.verify(model, x).error < 1e-12


def test_a_network_without_numbers() -> None:
    """On the meta device there are shapes only: the space is found, the proof says nothing."""
    model, x = network().to("meta"), images().to("meta")
    space = trace(model, x)
    small = materialise(model, space.uniform(0.5))
    assert small(x).shape == (2, 4)
    assert {parameter.device.type for parameter in small.parameters()} == {"meta"}
    assert space.plan == trace(network(), images()).plan


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m[0].register_forward_hook(doubled),
        lambda m: m[3].register_forward_pre_hook(lambda _, args: (args[0] + 1,)),
        lambda m: prune.l1_unstructured(m[0], "weight", 0.5),
        lambda m: prune.ln_structured(m[3], "weight", 0.5, n=2, dim=0),
        lambda m: parametrizations.weight_norm(m[0]),
        lambda m: parametrizations.spectral_norm(m[3]),
        lambda m: m.to(memory_format=torch.channels_last),
        lambda m: m.requires_grad_(False),
        lambda m: m.train(),
    ],
)
def test_hooks_masks_and_parametrisations(change: Any) -> None:
    model = changed(change)
    hooks, modes = len(model[0]._forward_hooks), [module.training for module in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    space = trace(model, images())
    assert sorted(group.size for group in space.groups) == [6, 8]
    assert space.verify(model, images()).error < 1e-12
    assert len(model[0]._forward_hooks) == hooks
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_masks_of_torch_s_own_pruning_stay_in_the_smaller_network() -> None:
    model = changed(lambda m: prune.l1_unstructured(m[0], "weight", 0.5))
    space = trace(model, images())
    small = materialise(model, space.uniform(0.5))
    small(images())  # torch multiplies with the mask when the layer is called
    assert small[0].weight_mask.shape == small[0].weight.shape == (4, 3, 3, 3)
    assert not small[0].weight[small[0].weight_mask == 0].any()


class WritesItsInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.add_(1))


def test_a_network_that_writes_into_its_input() -> None:
    model, x = WritesItsInput(), images()
    space = trace(model, x)
    assert [group.size for group in space.groups] == [8, 6]
    assert torch.equal(x, images())
    assert space.verify(model, x).error < 1e-12
    assert torch.equal(x, images())


class Remembers(nn.Module):
    last: Tensor | None = None

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = network(), 0

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.inner(x)
        self.calls += 1
        self.seen = x.shape
        return self.last


def test_a_network_that_remembers_its_last_call_forgets_those_of_the_trace() -> None:
    model = Remembers()
    trace(model, images())
    assert (model.last, model.calls, hasattr(model, "seen")) == (None, 0, False)
