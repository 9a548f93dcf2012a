import pytest
import torch
from torch import nn

from cpruner.space.rule import RULES, pointwise
from cpruner.space.sheet import along
from cpruner.space.tracer import Call, Tracer, freeze_operands


@pytest.fixture
def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


@pytest.fixture
def tracer(model: nn.Module) -> Tracer:
    return Tracer(model.eval(), RULES, pointwise)


def test_a_parameter_gets_labels_along_every_axis_longer_than_one(model: nn.Module, tracer: Tracer) -> None:
    rows, columns = tracer.planes(model[0].weight)
    assert (rows.flatten().tolist(), columns.flatten().tolist()) == ([1, 2, 3, 4], [5, 6, 7])
    assert len(tracer.planes(model[2].weight)) == 1
    assert set(tracer.axes) == {("0.weight", 0), ("0.weight", 1), ("2.weight", 1)}


def test_labels_are_handed_out_at_the_first_meeting_only(model: nn.Module, tracer: Tracer) -> None:
    assert tracer.planes(model[1].running_var) is tracer.planes(model[1].running_var)
    assert tracer.sheet.count == 5


def test_any_other_tensor_has_a_fixed_size(tracer: Tracer) -> None:
    assert tracer.planes(torch.zeros(5)) == ()
    assert tracer.labels(torch.zeros(2, 5), 1) is None
    assert tracer.name_of(torch.zeros(5)) is None


def test_labels_take_negative_axes(model: nn.Module, tracer: Tracer) -> None:
    assert tracer.labels(model[0].weight, -1).tolist() == tracer.labels(model[0].weight, 1).tolist()


def test_entangled_planes_are_frozen_when_asked_for_one_axis(tracer: Tracer) -> None:
    tensor = torch.zeros(2, 2)
    tracer.assign(tensor, (torch.tensor([[1, 2], [3, 4]]),))
    assert tracer.labels(tensor, 0) is None
    ((labels, reason),) = tracer.sheet.frozen
    assert labels.tolist() == [1, 2, 3, 4]
    assert reason == "labels vary along two axes at once"


def test_a_plane_that_varies_nowhere_is_dropped(tracer: Tracer) -> None:
    tensor = torch.zeros(2, 3)
    tracer.assign(tensor, (torch.ones(1, 1, dtype=torch.int64), along(torch.tensor([1, 2, 3]), 1, 2)))
    assert len(tracer.planes(tensor)) == 1


def test_tie_freezes_the_side_that_meets_a_fixed_size(tracer: Tracer) -> None:
    labels = tracer.sheet.fresh(2)
    tracer.tie(None, None, "nothing")
    tracer.tie(labels, None, "left")
    tracer.tie(None, labels, "right")
    assert [reason for _, reason in tracer.sheet.frozen] == ["left", "right"]


def test_produce_names_parameters_only(model: nn.Module, tracer: Tracer) -> None:
    tracer.produce(model[0].weight, 0)
    tracer.produce(torch.zeros(3), 0)
    assert tracer.producers == [("0.weight", 0)]


def test_bake_blames_the_module_that_runs(tracer: Tracer) -> None:
    labels = tracer.sheet.fresh(1)
    tracer.bake(labels, "a size")
    assert tracer.stack[0].baked == [(labels, "a size in the forward of 'the model'")]


def test_every_op_of_a_run_goes_through_the_rules(model: nn.Module, tracer: Tracer) -> None:
    with torch.no_grad(), tracer:
        output = model(torch.zeros(2, 3))
    assert output.shape == (2, 1)
    assert [cost.flops for cost in tracer.costs] == [2.0, 2.0]
    assert [name for name, _ in tracer.producers] == ["0.weight"]
    assert tracer.planes(output) == ()


def test_call_lists_tensor_operands_in_order() -> None:
    one, two = torch.zeros(1), torch.zeros(2)
    call = Call("add", None, (one, 3), {"other": two, "alpha": 1}, None)
    assert [tensor is wanted for tensor, wanted in zip(call.tensors, (one, two), strict=True)] == [True, True]


def test_the_last_resort_freezes_operands_in_lists_and_keywords(model: nn.Module, tracer: Tracer) -> None:
    function = torch.ops.aten.index_put
    args = (torch.zeros(2), [model[0].weight], model[0].bias)
    freeze_operands(tracer, Call("index_put", function.default, args, {"key": model[1].weight}, torch.zeros(2)))
    assert {reason for _, reason in tracer.sheet.frozen} == {"op 'index_put' has no rule"}
    assert sorted(int(label) for labels, _ in tracer.sheet.frozen for label in labels) == list(range(1, 16))
    assert tracer.costs == []


def test_the_last_resort_counts_what_torch_counts(tracer: Tracer) -> None:
    left, right = torch.zeros(2, 3, 4), torch.zeros(2, 4, 5)
    freeze_operands(tracer, Call("bmm", torch.ops.aten.bmm.default, (left, right), {}, left @ right))
    assert [(cost.flops, cost.factors) for cost in tracer.costs] == [(2.0 * 2 * 3 * 4 * 5, ())]
