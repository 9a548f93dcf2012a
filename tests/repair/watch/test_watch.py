from typing import Any

import pytest
import torch
from function import Function
from seen import Seen, seen
from torch import Tensor, nn
from torch.nn import functional

from cpruner.repair.watch.watch import watched
from cpruner.testing.nets import NETS
from cpruner.testing.picture import picture, same

NET = {net.name: net for net in NETS}
PLACE = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def wave(*shape: int) -> Tensor:
    count = int(torch.tensor(shape).prod())
    return (torch.arange(count, dtype=torch.float64) * 0.7).sin().reshape(shape)


X = wave(2, 3, 6, 6)
ROWS = wave(2, 5, 4)


def explained(network: nn.Module, *inputs: Any) -> Seen:
    """What was seen, after checking that every product is one: Y = X W + what was added, at every position."""
    found, parameters = seen(network, *inputs), dict(network.named_parameters())
    for use, output in found.uses:
        at = torch.arange(use.product.rows(use.entering))
        y_GMO = use.product.inputs(use.entering, at) @ use.product.matrix(parameters[use.name].detach())
        assert torch.allclose(y_GMO, use.outputs(output, at)), use.name
    return found


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": "same"},
        {"padding": "same", "kernel_size": 2},
        {"padding": 1, "padding_mode": "circular"},
        {"padding": 2, "padding_mode": "reflect"},
        {"groups": 2},
        {"groups": 4, "padding": 1},
    ],
    ids=lambda options: "-".join(map(str, options)),
)
def test_every_convolution_is_seen(axes: int, bias: bool, options: dict[str, Any]) -> None:
    layer = PLACE[axes](4, 8, **{"kernel_size": 3, "bias": bias, **options}).double()
    found = explained(layer, wave(2, 4, *[6] * axes))
    ((use, _),) = found.uses
    assert (use.name, use.bias) == ("weight", "bias" if bias else None)
    assert not found.reads
    assert not found.missing


def test_a_convolution_of_one_image_without_batch_axis() -> None:
    assert explained(nn.Conv2d(3, 2, 3).double(), X[0]).names == ["weight"]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 4), (2, 5, 4), (2, 3, 5, 4), (2, 1, 3, 5, 4)])
def test_every_linear_layer_is_seen_whatever_the_axes_ahead(shape: tuple[int, ...], bias: bool) -> None:
    """Torch adds the bias in the same op, or afterwards."""
    layer = nn.Linear(4, 3, bias=bias).double()
    for x in (wave(*shape), wave(*shape[:-2], 4, shape[-2]).transpose(-1, -2)):
        found = explained(layer, x)
        ((use, _),) = found.uses
        assert use.name == "weight"
        assert {use.bias, *(trail.bias for trail in found.follows)} - {None} == ({"bias"} if bias else set())


@pytest.mark.parametrize(
    ("forward", "inputs_first"),
    [
        (lambda s, x: functional.linear(x, s.w), False),
        (lambda s, x: x @ s.w.T, False),
        (lambda s, x: x @ s.w.mT, False),
        (lambda s, x: x @ s.w.permute(1, 0), False),
        (lambda s, x: torch.addmm(s.b, x.flatten(0, 1), s.w.t()), False),
        (lambda s, x: x @ s.v, True),
        (lambda s, x: torch.matmul(x, s.v) + s.b, True),
    ],
)
def test_products_without_a_module(forward: Any, inputs_first: bool) -> None:
    network = Function(forward, w=nn.Parameter(wave(3, 4)), v=nn.Parameter(wave(4, 3)), b=nn.Parameter(wave(3)))
    found = explained(network, ROWS)
    ((use, _),) = found.uses
    assert use.name == ("v" if inputs_first else "w")
    assert use.product.inputs_first is inputs_first


def test_what_is_added_without_being_a_parameter_is_known_too() -> None:
    layer = nn.Conv2d(3, 2, 3)
    found = explained(Function(lambda s, x: functional.conv2d(x, s.a.weight, 2 * s.a.bias), a=layer), X)
    ((use, _),) = found.uses
    assert use.bias is None
    assert torch.equal(use.added, 2 * layer.bias)


@pytest.mark.parametrize("name", ["packed attention", "torch's attention", "encoder layer", "grouped queries", "line"])
def test_every_weight_of_a_network_is_seen_once(name: str) -> None:
    network = NET[name].build()
    found = explained(network, *NET[name].inputs())
    weights = [name for name, parameter in network.named_parameters() if parameter.ndim > 1]
    assert sorted(found.names) == sorted(weights)
    assert not found.missing
    assert not {name for name, _ in found.reads} & set(weights)


def test_attention_in_half_precision_is_seen() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True).eval().half()
    x = ROWS.half()
    assert seen(attention, x, x, x).names == ["in_proj_weight", "out_proj.weight"]


def test_a_recurrent_layer_multiplies_at_every_step() -> None:
    names = explained(nn.LSTM(4, 3, batch_first=True).double(), ROWS).names
    assert set(names) == {"weight_ih_l0", "weight_hh_l0"}
    assert names.count("weight_hh_l0") == 5


@pytest.mark.parametrize(
    ("forward", "expected", "axes"),
    [
        (lambda s, x: functional.conv_transpose2d(x, s.w), "a transposed convolution", (0,)),
        (lambda s, x: functional.conv2d(x, s.w * 2), "not multiplied itself, but what aten.mul makes of it", (1,)),
        (
            lambda s, x: functional.conv2d(x, (s.w / s.w.norm()).clone()),
            "not multiplied itself, but what aten.linalg_vector_norm makes of it",
            (1,),
        ),
        (lambda s, x: functional.conv2d(x, s.w[:2]), "not multiplied itself, but what aten.slice makes of it", (1,)),
        (
            lambda s, x: torch.einsum("bchw,oc->bohw", x, s.w[..., 0, 0]),
            "not multiplied itself, but what aten.select makes of it",
            (1,),
        ),
    ],
)
def test_what_is_not_followed_is_said(forward: Any, expected: str, axes: tuple[int, ...]) -> None:
    network = Function(forward, w=nn.Parameter(wave(3, 3, 2, 2) if "transpose" in expected else wave(5, 3, 1, 1)))
    found = seen(network, X)
    assert found.names == []
    assert found.missing == {"w": (expected, axes)}


@pytest.mark.parametrize(
    ("forward", "op", "axes"),
    [
        (lambda s, x: s.w @ x[0].mT, "aten.mm", (1,)),
        (lambda s, x: s.w @ x[0, 0], "aten.mv", (1,)),
        (lambda s, x: functional.bilinear(x, x, s.v), "aten._trilinear", (0, 1, 2)),
    ],
)
def test_a_matrix_on_the_left_is_not_followed(forward: Any, op: str, axes: tuple[int, ...]) -> None:
    found = seen(Function(forward, w=nn.Parameter(wave(3, 4)), v=nn.Parameter(wave(3, 4, 4))), ROWS)
    assert found.names == []
    assert list(found.missing.values()) == [(f"read by {op}, which repair does not follow", axes)]


def test_operations_of_others_are_not_followed() -> None:
    with torch.library._scoped_library("cpruner_test", "FRAGMENT") as library:
        library.define("twice(Tensor x, Tensor w) -> Tensor")
        library.impl("twice", lambda x, w: x @ w * 2, "CPU")
        network = Function(lambda s, x: torch.ops.cpruner_test.twice(x, s.w), w=nn.Parameter(wave(4, 3)))
        found = seen(network, wave(5, 4))
    assert found.missing == {"w": ("read by cpruner_test.twice, which repair does not follow", (0, 1))}


def test_weights_made_of_weights_alone_are_no_products_of_inputs() -> None:
    network = Function(lambda s, x: x @ (s.a @ s.b), a=nn.Parameter(wave(4, 2)), b=nn.Parameter(wave(2, 3)))
    found = seen(network, wave(5, 4))
    assert found.missing["a"] == ("not multiplied itself, but what aten.mm makes of it", (0,))


def test_other_readers_of_a_weight_are_said() -> None:
    table = nn.Parameter(wave(7, 4))
    network = Function(lambda s, x: functional.embedding(x, s.w) @ s.w.T, w=table)
    found = seen(network, torch.tensor([[1, 2]]))
    assert found.names == ["w"]
    assert ("w", "aten.embedding") in found.reads


class Failing(Seen):
    def product(self, use: Any, run: Any) -> Tensor:
        raise RuntimeError("no")


@pytest.mark.parametrize("listener", [Seen, Failing])
@pytest.mark.parametrize("fast", [True, False])
def test_a_network_is_left_as_it_was(listener: type[Seen], fast: bool) -> None:
    """Also when something fails inside."""
    network = NET["encoder layer"].build().train()
    inputs = NET["encoder layer"].inputs()
    torch.backends.mha.set_fastpath_enabled(fast)
    before = picture(network, inputs)
    try:
        with watched(network, listener()):
            network(*inputs)
    except RuntimeError:
        pass
    finally:
        after = picture(network, inputs)
        torch.backends.mha.set_fastpath_enabled(True)
    assert same(before, after)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_in_any_gradient_mode_there_are_none_inside(around: Any) -> None:
    network = NET["encoder layer"].build()
    with around():
        found = seen(network, *NET["encoder layer"].inputs())
    assert len(found.names) == 6
    assert not any(output.requires_grad for _, output in found.uses)


def test_weights_are_multiplied_as_they_are_under_autocast() -> None:
    network = nn.Linear(4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        found = seen(network, ROWS.float())
    assert found.names == ["weight"]
    assert found.uses[0][1].dtype == torch.float32
