import torch
from function import Function
from torch import nn
from torch.nn.utils import parametrizations

from cpruner.candidate import masked_copy, materialise, named_tensors
from cpruner.space import trace


def test_named_tensors_are_parameters_buffers_and_plain_attributes() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    model.register_buffer("mask", torch.zeros(2))
    model[0].scale = torch.ones(2)
    model.again = model[0].weight
    assert [name for name, _ in named_tensors(model)] == ["again", "0.weight", "mask", "0.scale"]
    assert {name for name, _ in named_tensors(parametrizations.weight_norm(nn.Linear(2, 2)))} == {
        *("bias", "parametrizations.weight.original0", "parametrizations.weight.original1")
    }


def test_a_plain_tensor_is_cut_masked_and_counted_as_nothing() -> None:
    """Positions that are kept as an attribute, neither parameter nor buffer."""
    model = Function(lambda s, x: s.b(s.a(x) + s.position), a=nn.Linear(3, 6), b=nn.Linear(6, 2))
    model.position = torch.arange(24, dtype=torch.float64).view(4, 6)
    before, x = model.position.clone(), torch.ones(2, 4, 3, dtype=torch.float64)
    space = trace(model, x)
    (group,) = space.groups
    assert set(group.members) == {"a.weight[0]", "a.bias[0]", "b.weight[1]", "position[1]"}
    candidate = space.uniform(0.5)
    small, kept = materialise(model, candidate), list(candidate.kept[0])
    assert torch.equal(small.position, before[:, kept])
    assert torch.equal(model.position, before)
    assert torch.allclose(small(x), masked_copy(model, candidate)(x))
    assert masked_copy(model, candidate).position.sum() == before[:, kept].sum()
    assert sum(p.numel() for p in small.parameters()) == space.count(candidate).params
