import pytest
import torch
from few import few
from function import Function
from grid import GRID, grid
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check, run
from random_nets import candidates
from smaller import pruned
from torch import nn

from cpruner.candidate import Candidate, Cut, Plan, masked, masked_copy, materialise
from cpruner.errors import TraceError
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("net", few(NETS))
@settings(max_examples=5)
@given(data=st.data())
def test_masks_are_reversed_exactly(net, data: st.DataObject) -> None:
    case = pruned(net.name)
    model, inputs = case.model, case.inputs
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    outputs = run(model, inputs)
    with masked(model, data.draw(candidates(case.space))) as inside:
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


def test_a_row_with_two_factors_is_zero_when_one_of_them_goes() -> None:
    """Of head 1, dimensions 0 and 2: rows 3 and 5."""
    model, candidate = grid(), Candidate(((1,), (0, 2)), GRID)
    weight = model.a.weight.detach().clone()
    with masked(model, candidate):
        assert torch.equal(model.a.weight[[3, 5]], weight[[3, 5]])
        assert not model.a.weight[[0, 1, 2, 4]].any()
        assert model.a.bias.nonzero().flatten().tolist() == [3, 5]
        assert model.b.weight.any(0).nonzero().flatten().tolist() == [3, 5]
    assert torch.equal(model.a.weight, weight)


def test_a_masked_copy_computes_what_the_masked_model_does() -> None:
    model, candidate = grid(), Candidate(((0,), (0, 2)), GRID)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(2, 4)
    twin = masked_copy(model, candidate)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with masked(model, candidate):
        assert torch.equal(twin(x), model(x))
        assert torch.allclose(twin(x), materialise(model, candidate)(x), rtol=1e-12, atol=0)


def test_a_masked_copy_shares_what_is_not_cut() -> None:
    model = grid()
    model.a.weight.decayed, model.b.training = True, True
    twin = masked_copy(model, Candidate(((0,), (0, 2)), GRID))
    assert twin.b.bias is model.b.bias
    assert twin.a.weight is not model.a.weight
    assert twin.a is not model.a
    assert (twin.a.weight.decayed, twin.b.training, twin.a.training) == (True, True, False)


def test_a_tied_weight_is_masked_once_for_both() -> None:
    model = Function(lambda s, x: s.b(s.a(x)), a=nn.Linear(6, 6), b=nn.Linear(6, 6))
    model.b.weight = model.a.weight
    plan = Plan(GRID.names, GRID.sizes, GRID.labels, (Cut("a.weight", 0, 0),))
    candidate = Candidate(((1,), (0, 1, 2)), plan)
    with masked(model, candidate):
        for twin in (model, masked_copy(model, candidate)):
            assert twin.b.weight is twin.a.weight
            assert twin.b.weight.any(1).tolist() == [False] * 3 + [True] * 3
    assert model.b.weight.any(1).all()


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
    twin = masked_copy(model, space.smallest())
    assert twin.bn.running_var is model.bn.running_var
    assert not twin.fixed.all(0).any()
