"""A smaller network learns like any other: every parameter gets the gradient it has in the masked network."""

import copy

import pytest
import torch
from few import few
from invariants import reference
from smaller import FAMILIES, NAMES, STATING, pruned
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.space import tensors_of


def loss_of(outputs: list[Tensor]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    targets = [torch.randn(value.shape, generator=generator, dtype=value.dtype) for value in outputs]
    return sum(((one - two).square().mean() for one, two in zip(outputs, targets, strict=True)), torch.zeros(()))


def certain(network: nn.Module) -> nn.Module:
    """Without dropout, so that two losses can be compared."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


@pytest.mark.parametrize("name", few(NAMES))
def test_two_steps_reach_every_parameter_and_lower_the_loss(name: str) -> None:
    case = pruned(name)
    network, inputs = certain(copy.deepcopy(case.small).train()), case.batch(4)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(2):
        loss = loss_of(tensors_of(network(*inputs)))
        optimiser.zero_grad()
        loss.backward()
        assert [n for n, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()] == []
        optimiser.step()
        losses.append(loss.item())
    assert loss_of(tensors_of(network(*inputs))).item() < losses[1] < losses[0]
    assert all(parameter.grad is None for parameter in (*case.small.parameters(), *case.model.parameters()))


@pytest.mark.parametrize("name", few(NAMES))
def test_the_loss_falls_as_steeply_as_that_of_the_masked_network(name: str) -> None:
    """Along a random direction of all weights; the masked network is differentiated by its values alone."""
    case, step = pruned(name), 1e-6
    generator = torch.Generator().manual_seed(0)
    direction = copy.deepcopy(case.model).requires_grad_(False)
    for parameter in direction.parameters():
        parameter.normal_(generator=generator)

    def moved(by: float) -> float:
        dense = copy.deepcopy(case.model).requires_grad_(False)
        for parameter, change in zip(dense.parameters(), direction.parameters(), strict=True):
            parameter.add_(by * change)
        return loss_of(reference(dense, case.inputs, case.space, case.candidate)).item()

    small = copy.deepcopy(case.small)
    loss_of(tensors_of(small(*case.inputs))).backward()
    along = dict(materialise(direction, case.candidate).named_parameters())
    slope = sum(float((parameter.grad * along[key]).sum()) for key, parameter in small.named_parameters())
    assert abs(slope) > 1e-3
    assert slope == pytest.approx((moved(step) - moved(-step)) / (2 * step), rel=1e-5)


def test_statistics_of_batch_norms_follow_the_batch_in_training_mode_only() -> None:
    case = pruned("cifar resnet20")
    network = copy.deepcopy(case.small)
    network(*case.batch(4))
    assert torch.equal(network.bn1.running_mean, case.small.bn1.running_mean)
    network.train()(*case.batch(4))
    changed = [
        not torch.equal(mine, theirs)
        for (key, mine), theirs in zip(network.named_buffers(), case.small.buffers(), strict=True)
        if key.endswith("running_mean")
    ]
    assert len(changed) == 19
    assert all(changed)


@pytest.mark.parametrize("name", STATING)
@pytest.mark.parametrize("size", [1, 5])
def test_other_batch_sizes(name: str, size: int) -> None:
    case = pruned(name)
    whole = case.batch(size)
    with torch.no_grad():
        together = tensors_of(case.small(*whole))
        parts = [tensors_of(case.small(*(value[i : i + 1] for value in whole))) for i in range(size)]
    for number, value in enumerate(together):
        torch.testing.assert_close(torch.cat([part[number] for part in parts]), value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_and_back(name: str) -> None:
    case = pruned(name)
    network = copy.deepcopy(case.small).to(torch.bfloat16)
    with torch.no_grad():
        results = tensors_of(network(*(value.to(torch.bfloat16) for value in case.inputs)))
        expected = tensors_of(case.small(*case.inputs))
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == torch.bfloat16
        assert (result - wanted).abs().max() < 0.2 * wanted.abs().max()


@pytest.mark.parametrize("name", STATING)
def test_mixed_precision(name: str) -> None:
    case = pruned(name)
    network, inputs = copy.deepcopy(case.small).float(), tuple(value.float() for value in case.inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = tensors_of(network(*inputs))
    for result, wanted in zip(results, tensors_of(network(*inputs)), strict=True):
        assert result.dtype == torch.bfloat16
        assert (result - wanted).abs().max() < 0.2 * wanted.abs().max()
    torch.stack([result.float().sum() for result in results]).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
