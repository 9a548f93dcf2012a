import pytest
import torch
from torch import nn

from cpruner.space.label.sheet import FIXED, along, support
from cpruner.space.rule import RULES, pointwise
from cpruner.space.run.record import Entry
from cpruner.space.run.tracer import Call, Cost, Norm, Tracer, freeze_operands


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


def test_entangled_planes_are_taken_apart_when_asked_for_one_axis(tracer: Tracer) -> None:
    """(2, 3) labels of which each needs its row and its column."""
    tensor, labels = torch.zeros(2, 3), tracer.sheet.fresh(6)
    tracer.assign(tensor, (labels.reshape(2, 3),))
    assert len(tracer.planes(tensor)) == 1
    rows, columns = tracer.labels(tensor, 0), tracer.labels(tensor, 1)
    assert rows is not None
    assert columns is not None
    assert (rows.tolist(), columns.tolist()) == ([7, 8], [9, 10, 11])
    ((defined, factors),) = tracer.sheet.definitions
    assert torch.equal(defined, labels)
    assert factors[0].tolist() == [7, 7, 7, 8, 8, 8]
    assert tracer.sheet.frozen == []


def test_only_planes_over_the_asked_axis_are_taken_apart(tracer: Tracer) -> None:
    tensor = torch.zeros(2, 2, 3)
    entangled, other = tracer.sheet.fresh(4).reshape(2, 2, 1), along(tracer.sheet.fresh(3), 2, 3)
    tracer.assign(tensor, (entangled, other))
    assert tracer.separate(tensor, {2}) == (entangled, other)
    assert [support(plane) for plane in tracer.separate(tensor, {1})] == [{0}, {1}, {2}]


def test_planes_that_share_an_axis_become_one(tracer: Tracer) -> None:
    """Heads and dimensions laid side by side on one axis, with the channels of another axis apart."""
    tensor, heads, dims = torch.zeros(2, 4), tracer.sheet.fresh(2), tracer.sheet.fresh(2)
    rows = along(tracer.sheet.fresh(2), 0, 2)
    tracer.assign(tensor, (along(heads.repeat_interleave(2), 1, 2), rows, along(dims.repeat(2), 1, 2)))
    kept, both = tracer.planes(tensor)
    assert torch.equal(kept, rows)
    ((labels, factors),) = tracer.sheet.definitions
    assert torch.equal(both.flatten(), labels)
    assert [factor.tolist() for factor in factors] == [[1, 1, 2, 2], [3, 4, 3, 4]]


def test_labels_known_to_stay_leave_the_planes_of_results(tracer: Tracer) -> None:
    tensor, labels = torch.zeros(3), tracer.sheet.fresh(3)
    tracer.sheet.freeze(labels[:1], "why")
    tracer.assign(tensor, (labels,))
    assert tracer.planes(tensor)[0].tolist() == [FIXED, 2, 3]
    tracer.sheet.freeze(labels, "why")
    tracer.assign(tensor, (labels,))
    assert tracer.planes(tensor) == ()


def test_a_plane_that_varies_nowhere_is_dropped(tracer: Tracer) -> None:
    """Its single channel has to stay."""
    tensor, labels = torch.zeros(2, 3), tracer.sheet.fresh(4)
    tracer.assign(tensor, (labels[:1].reshape(1, 1), along(labels[1:], 1, 2)))
    assert [plane.tolist() for plane in tracer.planes(tensor)] == [[[2, 3, 4]]]
    assert [(found.tolist(), reason) for found, reason in tracer.sheet.frozen] == [
        ([1], "a single channel is used by itself")
    ]


def test_random_numbers_are_noticed(model: nn.Module, tracer: Tracer) -> None:
    with torch.no_grad(), tracer:
        model(torch.zeros(2, 3))
        assert not tracer.random
        torch.bernoulli(torch.full((2,), 0.5))
    assert tracer.random


def test_a_form_its_rule_does_not_know_freezes_what_it_touches(model: nn.Module) -> None:
    def broken(tracer: Tracer, call: Call) -> None:
        raise KeyError("dim")

    tracer = Tracer(model.eval(), {**RULES, "t": broken}, pointwise)
    with torch.no_grad(), tracer:
        assert model(torch.zeros(2, 3)).shape == (2, 1)
    reasons = {reason for _, reason in tracer.sheet.frozen}
    assert "op 't' is used in a form without a rule ('dim')" in reasons


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


def test_bake_notes_the_frame_that_runs(tracer: Tracer) -> None:
    labels = tracer.sheet.fresh(2)
    tracer.bake(labels[:1], "one size")
    tracer.recorder.enter("0", nn.Linear)
    tracer.bake(labels[1:], "another size")
    root, inner = tracer.recorder.frames
    assert [(found.tolist(), reason) for found, reason in root.baked] == [([1], "one size")]
    assert [(found.tolist(), reason) for found, reason in inner.baked] == [([2], "another size")]


def test_doubts_count_once_someone_reads_the_tensor(tracer: Tracer) -> None:
    x, labels = torch.zeros(2), tracer.sheet.fresh(2)
    tracer.recorder.value(x).doubts.append((labels, "why"))
    tracer.settle([torch.zeros(2), {"k": 3}])
    assert tracer.sheet.frozen == []
    tracer.settle([[x], {}])
    tracer.settle([x])
    assert [(found.tolist(), reason) for found, reason in tracer.sheet.frozen] == [([1, 2], "why")]


def test_a_component_is_found_with_all_it_follows_from(tracer: Tracer) -> None:
    heads, dims = tracer.sheet.fresh(2), tracer.sheet.fresh(2)
    both = tracer.sheet.conjoin((heads[:, None], dims[None]))
    assert tracer.component(both[0, 0]) == tracer.component(heads[:1]) | tracer.component(dims[:1])
    assert len(tracer.component(both)) == 4
    tracer.sheet.unite(heads[:1], heads[1:], "")
    assert len(tracer.component(both)) == 3


def test_met_are_parameters_that_an_op_has_read(model: nn.Module, tracer: Tracer) -> None:
    assert not tracer.met(model[0].weight)
    with torch.no_grad(), tracer:
        model[0](torch.zeros(2, 3))
    assert tracer.met(model[0].weight)
    assert not tracer.met(model[1].weight)


def test_a_silent_tracer_records_ops_but_labels_nothing(model: nn.Module, tracer: Tracer) -> None:
    """Inside modules with a rule of their own; statistics keep their place in the order of all statistics."""
    tracer.silent = 1
    with torch.no_grad(), tracer:
        torch.nn.functional.layer_norm(model(torch.zeros(2, 3)), (1,))
    assert tracer.axes == {}
    assert tracer.costs == []
    assert tracer.norms == [Norm(), Norm()]
    assert [entry.op for entry in tracer.recorder.root.entries if isinstance(entry, Entry)][
        -1
    ] == "aten.native_layer_norm.default"


def test_every_op_of_a_run_goes_through_the_rules(model: nn.Module, tracer: Tracer) -> None:
    with torch.no_grad(), tracer:
        output = model(torch.zeros(2, 3))
    assert output.shape == (2, 1)
    assert [cost.total for cost in tracer.costs] == [2.0 * 2 * 3 * 4, 2.0 * 2 * 4]
    assert [name for name, _ in tracer.producers] == ["0.weight"]
    assert all(support(plane) == {0} for plane in tracer.planes(output))  # zeros, a batch of no fixed size


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


def test_the_total_of_a_cost_has_everything_kept() -> None:
    assert Cost(2.0, (torch.arange(3), 5, torch.arange(4))).total == 2.0 * 3 * 5 * 4
    assert Cost(7.0, ()).total == 7.0


def test_arguments_by_position_by_name_or_left_out() -> None:
    call = Call("sum", None, (torch.zeros(1), 3), {"keepdim": True}, None)
    assert [
        call.argument(1, "dim"),
        call.argument(2, "keepdim"),
        call.argument(3, "dtype"),
        call.argument(3, "x", 5),
    ] == [*(3, True, None, 5)]


def test_an_op_in_place_goes_by_the_name_of_the_other(tracer: Tracer) -> None:
    x, labels = torch.zeros(2, 2), tracer.sheet.fresh(2)
    tracer.assign(x, (along(labels, 1, 2),))
    with tracer:
        y = x.relu_().mul_(2.0)
    assert y is x
    assert tracer.planes(y)[0].tolist() == [[1, 2]]


def test_a_change_of_shape_in_place_moves_the_labels(tracer: Tracer) -> None:
    x, labels = torch.zeros(2, 3), tracer.sheet.fresh(3)
    tracer.assign(x, (along(labels, 1, 2),))
    with tracer:
        x.unsqueeze_(0).transpose_(1, 2)
    assert [tuple(plane.shape) for plane in tracer.planes(x)] == [(1, 3, 1)]
    assert tracer.planes(x)[0].flatten().tolist() == [1, 2, 3]
