"""Layers that say themselves how they are copied, or keep their weights in more than one place."""

from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.parametrize import is_parametrized

from cpruner.candidate import rebuilt
from cpruner.candidate.clone import clone


def memo_of(model: nn.Module) -> dict[int, Any]:
    """New tensors for all of a model, one larger than the old ones."""
    old = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return {place: rebuilt(tensor, tensor.detach() + 1) for place, tensor in old.items()}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_list_their_new_weights(kind: Any) -> None:
    """They keep their weights a second time, in a list that ``__setstate__`` rebuilds."""
    model = nn.Sequential(kind(3, 4))
    twin = clone(model, memo_of(model))
    assert all(mine is theirs for mine, theirs in zip(twin[0]._flat_weights, twin[0].parameters(), strict=True))
    alone = clone(model[0], memo_of(model))
    x = torch.ones(2, 1, 3)
    assert torch.equal(twin(x)[0], alone(x)[0])
    assert not torch.equal(twin(x)[0], model(x)[0])


def test_attention_and_parametrised_layers() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), nn.MultiheadAttention(4, 2))
    twin = clone(model, memo_of(model))
    assert is_parametrized(twin[0])
    assert twin[0].parametrizations.weight.original1 is not model[0].parametrizations.weight.original1
    assert torch.equal(twin[0].bias, model[0].bias + 1)
    assert torch.equal(twin[1].in_proj_weight, model[1].in_proj_weight + 1)
    y = twin[0](torch.ones(2, 3))
    assert twin[1](y, y, y)[0].shape == (2, 4)


def test_masks_of_torch_prune() -> None:
    model = nn.Linear(3, 4)
    prune.l1_unstructured(model, "weight", 5)
    twin = clone(model, memo_of(model))
    assert torch.equal(twin.weight_orig, model.weight_orig + 1)
    twin(torch.ones(1, 3))
    assert torch.equal(twin.weight, (model.weight_orig + 1) * (model.weight_mask + 1))


class Plus(nn.Module):
    """A graph of it reads the weight of an inner layer without calling that layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(3, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x @ self.fc.weight)


@pytest.mark.parametrize("wrap", [lambda graph: graph, nn.Sequential], ids=["alone", "inside"])
def test_graph_modules(wrap: Any) -> None:
    model = wrap(fx.symbolic_trace(Plus()))
    twin = clone(model, memo_of(model))
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    (weight,) = (tensor for name, tensor in model.named_parameters() if name.endswith("weight"))
    assert torch.allclose(twin(x), (x @ (weight + 1)).relu())
    assert torch.allclose(model(x), (x @ weight).relu())


class Own(nn.Module):
    """Says itself how it is copied and what a copy forgets."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.secret = nn.Linear(2, 2), 3

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "secret": 0}


def test_a_class_that_says_how_it_is_copied_is_obeyed() -> None:
    model = nn.Sequential(Own())
    twin = clone(model, memo_of(model))
    assert (twin[0].secret, model[0].secret) == (0, 3)
    assert torch.equal(twin[0].fc.weight, model[0].fc.weight + 1)
