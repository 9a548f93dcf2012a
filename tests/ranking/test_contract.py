"""What is exported is tested: every criterion keeps the same promises on networks of every kind."""

import copy
import dataclasses
from functools import cache
from typing import Any

import pytest
import torch
from few import few
from rankings import whole
from torch import Tensor, nn

from cpruner.ranking import CRITERIA, Evidence, Rank, rank
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS if len(net.shapes) == 1}
NAMES = (
    *("flatten", "residual", "dense block", "grouped", "depthwise", "squeeze and excitation", "shared module"),
    *("parameters", "transposed", "group norm", "pixel shuffle", "standardised weights", "vision transformer"),
    *("rows", "packed attention", "encoder layer", "grouped queries", "windowed attention", "gated layer"),
)


class Pooled(nn.Module):
    """One row of logits per image, whatever number of tokens it has; hard to please: in mixed modes, partly frozen."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.drop = net, nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(self.drop(x))
        return logits.flatten(1, -2).mean(1) if logits.ndim > 2 else logits


@cache
def known(name: str) -> Evidence:
    net = NET[name]
    model = Pooled(net.build()).train()
    model.net.eval()
    next(model.parameters()).requires_grad_(False)
    (shape,) = net.shapes
    images = torch.randn(6, *shape[1:], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    classes = model(images).shape[1]
    return whole(model, images, torch.arange(6) % classes, batch_size=4)


def state(model: nn.Module) -> list[Any]:
    tensors = [tensor.clone() for tensor in model.state_dict().values()]
    modes = [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    return [tensors, modes, hooks, [p.grad for p in model.parameters()], [p.requires_grad for p in model.parameters()]]


every_criterion = pytest.mark.parametrize("criterion", CRITERIA)
every_net = pytest.mark.parametrize("name", few(NAMES))


@every_net
@every_criterion
def test_the_promises_of_a_criterion(criterion: str, name: str) -> None:
    asked = dataclasses.replace(known(name), spec=dataclasses.replace(known(name).spec, criterion=criterion))
    before, random = state(asked.model), torch.get_rng_state()
    ranking = rank(asked)
    assert [sorted(order) for order in ranking] == [list(range(size)) for size in asked.space.sizes]
    with torch.no_grad():
        assert rank(asked) == ranking
    with torch.inference_mode():
        assert rank(asked) == ranking
    after = state(asked.model)
    assert all(torch.equal(one, other) for one, other in zip(before[0], after[0], strict=True))
    assert before[1:] == after[1:]
    assert torch.equal(random, torch.get_rng_state())


@every_criterion
def test_a_copy_has_the_same_ranking(criterion: str) -> None:
    asked = dataclasses.replace(known("residual"), spec=Rank(criterion, seed=5))
    assert rank(dataclasses.replace(asked, model=copy.deepcopy(asked.model))) == rank(asked)


@every_criterion
def test_no_other_criterion_says_the_same_everywhere(criterion: str) -> None:
    found = {
        other: tuple(rank(dataclasses.replace(known(name), spec=Rank(other, batch_size=4))) for name in NAMES[:8])
        for other in CRITERIA
    }
    assert [other for other in CRITERIA if found[other] == found[criterion]] == [criterion]


@every_criterion
def test_a_network_in_single_precision(criterion: str) -> None:
    model = NET["residual"].build().float()
    images = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    asked = whole(model, images, torch.arange(6) % 5, criterion=criterion)
    assert [len(order) for order in rank(asked)] == [8, 6]
