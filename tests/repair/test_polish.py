import copy
import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.repair import Polish, polish


def network(hidden: int, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(
            nn.Sequential(nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.ReLU()), nn.Linear(hidden, 3)
        ).eval()


def batches(count: int = 4, size: int = 32) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    return [(torch.randn(size, 4, generator=generator), torch.zeros(size, dtype=torch.int64)) for _ in range(count)]


def divergence(small: nn.Module, dense: nn.Module) -> float:
    inputs = batches()[0][0]
    with torch.no_grad():
        ours, theirs = small(inputs).log_softmax(1), dense(inputs).log_softmax(1)
    return float((theirs.exp() * (theirs - ours)).sum(1).mean())


def test_no_steps_change_nothing() -> None:
    small, dense = network(3, 1), network(6)
    before = copy.deepcopy(small.state_dict())
    assert polish(small, dense, batches(), Polish(steps=0)) is small
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


@pytest.mark.parametrize("layers", [0.0, 1.0])
def test_the_small_network_comes_nearer_to_the_dense_one(layers: float) -> None:
    small, dense = network(5, 1), network(6)
    before = divergence(small, dense)
    polish(small, dense, batches(), Polish(steps=150, lr=1e-2, layers=layers))
    assert divergence(small, dense) < before / 4


def test_what_gets_no_better_comes_back_as_it_was() -> None:
    small, dense = network(5, 1), network(6)
    before = copy.deepcopy(small.state_dict())
    polish(small, dense, batches(), Polish(steps=3, lr=100.0))
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_a_step_is_relative_to_what_it_changes() -> None:
    """Adam's first step is its rate in every number, so the largest change is that times the tensor's size."""
    small, dense = network(5, 1), network(6)
    before = {name: value.detach().clone() for name, value in small.named_parameters()}
    polish(small, dense, batches(), Polish(steps=1, lr=0.01))
    for name, value in small.named_parameters():
        size = max(1e-3, float(before[name].square().mean().sqrt()))
        assert float((value.detach() - before[name]).abs().max()) == pytest.approx(0.01 * size, rel=0.01)


def test_layers_of_the_same_width_are_drawn_to_the_dense_ones() -> None:
    dense = network(6)

    def gap(layers: float) -> float:
        small = polish(network(6, 1), dense, batches(), Polish(steps=100, lr=1e-2, layers=layers))
        inputs = batches()[0][0]
        with torch.no_grad():
            return float((small[0](inputs) - dense[0](inputs)).square().mean())  # type: ignore[index]

    assert gap(10.0) < gap(0.0) / 2


def test_the_dense_network_and_the_modes_stay() -> None:
    small, dense = network(3, 1), network(6)
    dense.train()
    weights, statistics = copy.deepcopy(dense.state_dict()), copy.deepcopy(dict(small.named_buffers()))
    with torch.no_grad():
        polish(small, dense, batches(), Polish(steps=5))
    assert dense.training
    assert not small.training
    assert all(torch.equal(value, weights[name]) for name, value in dense.state_dict().items())
    assert all(torch.equal(value, statistics[name]) for name, value in small.named_buffers())
    assert all(parameter.grad is None for parameter in (*small.parameters(), *dense.parameters()))
    assert not any(module._forward_hooks for module in (*small.modules(), *dense.modules()))


def test_batches_start_again_and_every_step_is_told() -> None:
    told: list[tuple[int, float]] = []
    polish(network(3, 1), network(6), batches(2), Polish(steps=5), progress=lambda *step: told.append(step))
    assert [number for number, _ in told] == [1, 2, 3, 4, 5]
    assert all(math.isfinite(loss) for _, loss in told)


def test_no_batch_is_refused() -> None:
    with pytest.raises(InputError, match="at least one batch"):
        polish(network(3, 1), network(6), [], Polish(steps=1))


def test_a_loss_that_is_not_finite_leaves_the_network_as_it_was() -> None:
    small, dense = network(3, 1), network(6)
    before = copy.deepcopy(small.state_dict())
    bad = [*batches(1), (torch.full((4, 4), math.nan), torch.zeros(4, dtype=torch.int64))]
    with pytest.raises(InputError, match="step 1"):
        polish(small, dense, bad, Polish(steps=3))
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_every_option_is_documented_and_checked() -> None:
    assert all(field.metadata["doc"] for field in dataclasses.fields(Polish))
    with pytest.raises(InputError, match=r"Polish\.steps"):
        Polish(steps=-1)
