from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cpruner.space.run.record import Entry, Frame, Opaque, Recorder, Training, Value, values_of

RELU = torch.ops.aten.relu.default


@pytest.fixture
def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


@pytest.fixture
def recorder(model: nn.Module) -> Recorder:
    return Recorder(model)


def test_a_tensor_has_one_value_with_its_shape(recorder: Recorder) -> None:
    one, same = torch.zeros(2, 3), torch.zeros(2, 3)
    assert recorder.value(one) is recorder.value(one)
    assert recorder.value(one) is not recorder.value(same)
    assert (recorder.value(one).shape, recorder.value(one).names, recorder.value(one).planes) == ((2, 3), (), None)


def test_values_of_dead_tensors_are_not_given_to_others(recorder: Recorder) -> None:
    seen: list[Value] = []
    for size in range(2, 20):
        seen.append(recorder.value(torch.zeros(size)))
    assert [value.shape for value in seen] == [(size,) for size in range(2, 20)]


def test_a_value_knows_its_type(recorder: Recorder) -> None:
    assert recorder.value(torch.zeros(2, dtype=torch.int32)).dtype == torch.int32


def test_which_names_the_model_owns(recorder: Recorder) -> None:
    assert recorder.owns("0.weight")
    assert recorder.owns("1.running_mean")
    assert not recorder.owns("weight")


def test_tensors_of_the_model_know_their_names(model: nn.Module, recorder: Recorder) -> None:
    assert recorder.value(model[0].weight).names == ("0.weight",)
    assert recorder.value(model[1].running_mean).names == ("1.running_mean",)


def test_a_shared_parameter_has_all_its_names() -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    model["b"].weight = model["a"].weight
    assert Recorder(model).value(model["a"].weight).names == ("a.weight", "b.weight")


@pytest.mark.parametrize(
    "argument", [None, True, 3, 0.5, "text", torch.float32, torch.device("cpu"), torch.strided, torch.channels_last]
)
def test_constants_are_kept(recorder: Recorder, argument: Any) -> None:
    assert recorder.encode(argument) is argument


def test_nested_arguments_keep_their_form(recorder: Recorder) -> None:
    x, y = torch.zeros(2), torch.zeros(3)
    encoded = recorder.encode([x, (y, 2), {"k": [x]}])
    assert encoded == [recorder.value(x), (recorder.value(y), 2), {"k": [recorder.value(x)]}]
    assert values_of(encoded) == [recorder.value(x), recorder.value(y), recorder.value(x)]


def test_what_is_no_data_is_opaque(recorder: Recorder) -> None:
    assert recorder.encode((nn.ReLU(), 1 + 2j)) == (Opaque("ReLU"), Opaque("complex"))
    assert values_of(Opaque("ReLU")) == values_of("text") == []


def test_an_op_becomes_an_entry_that_made_its_results(recorder: Recorder) -> None:
    x = torch.zeros(2)
    y = x.relu()
    recorder.note(RELU, (x,), {"k": 1}, y)
    (entry,) = recorder.root.entries
    assert isinstance(entry, Entry)
    assert (entry.op, entry.function, entry.args, entry.kwargs) == (
        "aten.relu.default",
        RELU,
        (recorder.value(x),),
        {"k": 1},
    )
    assert entry.out is recorder.value(y)
    assert recorder.value(y).maker is entry
    assert recorder.value(x).maker is None


def test_only_the_first_op_is_the_maker_and_parameters_have_none(model: nn.Module, recorder: Recorder) -> None:
    x, weight = torch.zeros(2), model[0].weight
    for result in (x, x, weight):
        recorder.note(RELU, (torch.zeros(2),), {}, result)
    assert recorder.value(x).maker is recorder.root.entries[0]
    assert recorder.value(weight).maker is None


def test_an_op_that_writes_into_its_argument_does_not_make_it(recorder: Recorder) -> None:
    x = torch.zeros(2)
    recorder.note(torch.ops.aten.relu_.default, (x,), {}, x.relu_())
    assert recorder.value(x).maker is None


@pytest.mark.parametrize(
    ("change", "op"),
    [
        (lambda x: torch.ops.aten.transpose_.default(x, 0, 1), "aten.transpose.int"),
        (lambda x: torch.ops.aten.unsqueeze_.default(x, 1), "aten.unsqueeze.default"),
        (torch.ops.aten.t_.default, "aten.t.default"),
    ],
)
def test_a_change_of_shape_in_place_makes_another_value(recorder: Recorder, change: Any, op: str) -> None:
    """The program gets the op that makes a new tensor."""
    x = torch.zeros(2, 3)
    before = recorder.value(x)
    before.planes = (torch.tensor([[1], [2]]),)
    function = getattr(torch.ops.aten, op.split(".")[1] + "_").default
    change(x)
    recorder.note(function, (x,), {}, x)
    (entry,) = recorder.root.entries
    assert isinstance(entry, Entry)
    assert (entry.op, entry.args) == (op, (before,))
    assert entry.out is recorder.value(x) is not before
    assert (before.shape, recorder.value(x).shape) == ((2, 3), tuple(x.shape))
    assert recorder.value(x).planes is before.planes
    assert recorder.value(x).maker is entry


def test_frames_are_nested_and_end_with_their_arguments(recorder: Recorder) -> None:
    x, y = torch.zeros(2), torch.ones(2)
    recorder.enter("a", nn.Sequential)
    recorder.enter("a.b", nn.Linear)
    recorder.note(RELU, (x,), {}, y)
    recorder.leave((x,), {"flag": True}, y)
    recorder.leave((x,), {}, [y])
    (outer,) = recorder.root.entries
    assert isinstance(outer, Frame)
    (inner,) = outer.entries
    assert isinstance(inner, Frame)
    assert (outer.path, outer.kind, inner.path, inner.kind) == ("a", nn.Sequential, "a.b", nn.Linear)
    assert (inner.args, inner.kwargs, inner.out) == ((recorder.value(x),), {"flag": True}, recorder.value(y))
    assert outer.out == [recorder.value(y)]
    assert isinstance(inner.entries[0], Entry)
    assert recorder.stack == [recorder.root]
    assert recorder.frames == [recorder.root, outer, inner]


def test_the_root_is_the_model(model: nn.Module, recorder: Recorder) -> None:
    x = torch.zeros(2)
    recorder.finish((x,), {}, x)
    assert (recorder.root.path, recorder.root.kind) == ("", nn.Sequential)
    assert (recorder.root.args, recorder.root.out) == ((recorder.value(x),), recorder.value(x))


def test_values_are_compared_by_identity() -> None:
    one, other = Value((2,)), Value((2,))
    assert one != other
    assert len({one, other}) == 2


def test_a_mapping_of_any_kind_is_read() -> None:
    class Loud(dict[str, Tensor]):
        """Outputs of some libraries are dicts with a class of their own."""

    recorder, x = Recorder(nn.Identity()), torch.zeros(2)
    assert recorder.encode(Loud(x=x)) == {"x": recorder.value(x)}


def test_a_dropout_takes_the_place_of_the_alias_that_stands_for_it() -> None:
    recorder, x = Recorder(nn.Identity()), torch.zeros(2)
    alias = torch.ops.aten.alias.default
    recorder.note(alias, (x,), {}, y := alias(x))
    recorder.drop("F.dropout", x, 0.5, y)
    (entry,) = recorder.root.entries
    assert isinstance(entry, Entry)
    assert (entry.op, entry.args) == ("F.dropout", (recorder.value(x), 0.5, Training(""), False))
    assert entry.out is recorder.value(y)
    assert entry.out.maker is entry
    assert entry.function.overloadpacket.__name__ == "dropout"
    assert entry.function(x, 0.5) is x
    recorder.drop("F.dropout", x, 0.5, x)
    assert isinstance(last := recorder.root.entries[-1], Entry)
    assert (len(recorder.root.entries), last.args[3], last.out) == (2, True, recorder.value(x))


def test_attention_weights_are_dropped_only_where_attention_runs() -> None:
    recorder, x = Recorder(nn.Identity()), torch.zeros(2)
    softmax, relu = torch.ops.aten._softmax.default, torch.ops.aten.relu.default
    with recorder.dropping(0.5):
        recorder.note(softmax, (x, -1, False), {}, softmax(x, -1, False))
        recorder.note(relu, (x,), {}, relu(x))
    recorder.note(softmax, (x, -1, False), {}, softmax(x, -1, False))
    dropouts = [entry.dropout for entry in recorder.root.entries if isinstance(entry, Entry)]
    assert dropouts == [(0.5, Training("")), None, None]
