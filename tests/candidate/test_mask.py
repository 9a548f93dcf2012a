import pytest
import torch
from function import Function
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check, run
from random_nets import candidates
from torch import nn

from cpruner.candidate import masked
from cpruner.errors import TraceError
from cpruner.space import Candidate, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@settings(max_examples=5)
@given(data=st.data())
def test_masks_are_reversed_exactly(net, data: st.DataObject) -> None:
    model, inputs = net.build(), net.inputs()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    outputs = run(model, inputs)
    with masked(model, data.draw(candidates(trace(model, inputs)))) as inside:
        assert inside is model
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(one, other) for one, other in zip(run(model, inputs), outputs, strict=True))


def test_masks_are_reversed_when_the_block_raises() -> None:
    model, inputs = NET["residual"].build(), NET["residual"].inputs()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(TraceError), masked(model, trace(model, inputs).smallest()):
        trace(model, torch.zeros(1))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_removed_slices_are_zero_inside_and_the_others_as_they_were() -> None:
    model, inputs = NET["flatten"].build(), NET["flatten"].inputs()
    space = trace(model, inputs)
    conv, head = model.conv.weight.detach().clone(), model.head.weight.detach().clone()
    with masked(model, Candidate(((1, 4),), space.plan)):
        assert torch.equal(model.conv.weight[[1, 4]], conv[[1, 4]])
        assert not model.conv.weight[[0, 2, 3, 5]].any()
        assert not model.conv.bias[[0, 2, 3, 5]].any()
        assert torch.equal(model.head.weight.view(5, 6, 36)[:, [1, 4]], head.view(5, 6, 36)[:, [1, 4]])
        assert not model.head.weight.view(5, 6, 36)[:, [0, 2, 3, 5]].any()


def test_the_dense_candidate_masks_nothing() -> None:
    model, inputs = NET["grouped"].build(), NET["grouped"].inputs()
    outputs = run(model, inputs)
    with masked(model, trace(model, inputs).dense()):
        assert torch.equal(run(model, inputs)[0], outputs[0])


def test_a_mask_works_on_parameters_that_learn() -> None:
    model, inputs = NET["flatten"].build(), NET["flatten"].inputs()
    with masked(model, trace(model, inputs).smallest()):
        model(*inputs).sum().backward()
    assert model.conv.weight.grad is not None
    assert model.conv.weight.requires_grad


def test_a_buffer_that_is_a_matrix_is_masked_and_statistics_are_not() -> None:
    """sigmoid(0) = 0.5 must not reach the matrix; a zero variance would make 1 / sqrt(eps) of a batch norm."""
    model = Function(
        lambda s, x: s.fc(s.bn(s.a(x)).sigmoid() @ s.fixed),
        a=nn.Linear(4, 6), bn=nn.BatchNorm1d(6, affine=False), fixed=torch.eye(6)[:, :5], fc=nn.Linear(5, 2),
    )  # fmt: skip
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    space = trace(model, x)
    check(model, (x,), space, space.uniform(0.5))
    with masked(model, space.smallest()):
        assert model.bn.running_var.all()
        assert not model.fixed.all(0).any()
