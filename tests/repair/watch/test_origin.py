import pytest
import torch
from function import Function
from torch import Tensor, nn

from cpruner.repair.watch.origin import Origin, Origins, tensors_in

MODEL = Function(None, fc=nn.Linear(3, 5), scale=nn.Parameter(torch.ones(4, 1)), mask=torch.ones(5, 3))
WEIGHT = MODEL.fc.weight
X = torch.ones(2, 3)


def after(op: str, arguments: object, result: Tensor, origins: Origins | None = None) -> Origin | None:
    origins = origins or Origins(MODEL)
    origins.note(op, arguments, result)
    return origins.of(result)


def test_parameters_buffers_and_what_depends_on_the_inputs() -> None:
    origins = Origins(MODEL)
    assert origins.of(WEIGHT) == Origin(frozenset(["fc.weight"]), "fc.weight")
    assert origins.of(MODEL.mask) == Origin(frozenset(["mask"]))
    assert origins.of(X) is None
    assert origins.of(None) is None


def test_a_shared_parameter_has_its_first_name() -> None:
    model = nn.ModuleDict({"one": nn.Linear(2, 2), "two": nn.Linear(2, 2)})
    model.two.weight = model.one.weight
    assert Origins(model).of(model.two.weight).parameter == "one.weight"


@pytest.mark.parametrize(
    ("view", "turned"),
    [
        (lambda w: w.detach(), False),
        (lambda w: w.view(5, 3), False),
        (lambda w: w[:], False),
        (lambda w: w.t(), True),
        (lambda w: w.T, True),
        (lambda w: w.mT, True),
        (lambda w: w.permute(1, 0), True),
        (lambda w: w.transpose(-1, -2), True),
    ],
)
def test_a_view_of_all_of_a_parameter_is_the_parameter(view, turned: bool) -> None:
    origins = Origins(MODEL)
    result = view(WEIGHT.detach())
    assert origins.note("aten.view", [WEIGHT], result) == set(), "looking at it is not reading it"
    assert origins.of(result) == Origin(frozenset(["fc.weight"]), "fc.weight", turned)


@pytest.mark.parametrize(
    "other",
    [
        lambda w: w[:3],
        lambda w: w[:, :2],
        lambda w: w.view(3, 5),
        lambda w: w * 1,
        lambda w: w.float(),
        lambda w: w[None],
    ],
)
def test_anything_else_is_computed_of_it(other) -> None:
    origins = Origins(MODEL)
    result = other(WEIGHT.detach())
    assert origins.note("aten.op", [WEIGHT], result) == {"fc.weight"}
    assert origins.of(result) == Origin(frozenset(["fc.weight"]), op="aten.op")


def test_what_is_computed_of_several_names_them_all_and_the_first_op() -> None:
    origins = Origins(MODEL)
    product = WEIGHT.detach() * MODEL.mask
    assert after("aten.mul", [WEIGHT, MODEL.mask], product, origins).names == {"fc.weight", "mask"}
    normed = product / 2
    assert after("aten.div", ([product], 2), normed, origins) == Origin(frozenset(["fc.weight", "mask"]), op="aten.mul")


def test_constants_are_made_of_nothing() -> None:
    assert after("aten.zeros", [[2, 3]], torch.zeros(2, 3)) == Origin(frozenset(), op="aten.zeros")


def test_what_meets_the_inputs_depends_on_them() -> None:
    origins = Origins(MODEL)
    assert after("aten.add", [X, MODEL.mask[:2]], X + 1, origins) is None
    table = torch.zeros(2, 3)
    assert after("aten.zeros", [], table, origins) is not None
    assert origins.note("aten.copy_", [table, X], table.copy_(X)) == set()
    assert origins.of(table) is None


def test_reading_is_said_whatever_else_is_read() -> None:
    assert Origins(MODEL).note("aten.embedding", [WEIGHT, torch.tensor([1])], X) == {"fc.weight"}


def test_axes_of_a_parameter_as_it_is() -> None:
    origins, square = Origins(nn.Linear(4, 4)), torch.zeros(4, 4)
    weight = next(iter(origins._parameters.values())).detach()
    assert [origins.axes("weight", origins._parameters["weight"], axis) for axis in (0, 1, -1, -2)] == [
        (0,),
        (1,),
        (1,),
        (0,),
    ]
    turned = weight.t()
    origins.note("aten.t", [origins._parameters["weight"]], turned)
    assert [origins.axes("weight", turned, axis) for axis in (0, 1, -1)] == [(1,), (0,), (0,)]
    assert origins.axes("weight", square, -2) == (0, 1), "computed: either may be meant"


def test_axes_of_what_is_computed_are_found_by_their_length() -> None:
    origins, made = Origins(MODEL), torch.zeros(7, 3, 5)
    assert origins.axes("fc.weight", made, 1) == (1,)
    assert origins.axes("fc.weight", made, 0) == ()
    assert origins.axes("fc.weight", made, None) == (0, 1)
    assert origins.axes("fc.bias", made, -1) == origins.axes("scale", torch.zeros(4), 0) == (), "vectors sum nothing up"
    assert origins.axes("mask", made, -1) == (), "no parameter"


def test_tensors_are_found_in_lists_and_tables() -> None:
    one, two, three = (torch.tensor(n) for n in range(3))
    found = list(tensors_in(((one, [two, None]), {"key": three, "other": 4})))
    assert all(a is b for a, b in zip(found, (one, two, three), strict=True))
