from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from cpruner.errors import InputError
from cpruner.space import trace
from cpruner.space.admission import admit


class Doubled(Tensor):
    """A tensor kept as two halves, as quantised and sharded tensors are kept in several parts."""

    @staticmethod
    def __new__(cls, plain: Tensor) -> "Doubled":
        wrapper = Tensor._make_wrapper_subclass(cls, plain.shape, dtype=plain.dtype)
        wrapper.half = plain / 2
        return wrapper

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["half"], None

    @staticmethod
    def __tensor_unflatten__(inner, context, size, stride) -> "Doubled":
        return Doubled(inner["half"] * 2)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        plain = lambda x: x.half * 2 if isinstance(x, Doubled) else x  # noqa: E731
        result = func(*tree_map(plain, args), **tree_map(plain, kwargs or {}))
        return Doubled(result) if func is torch.ops.aten.detach.default else result


def packed(kind: str) -> nn.Module:
    """A layer of torch's own quantised kind, without its engine."""
    layer = nn.Linear(4, 4)
    quantised = type(kind, (nn.Linear,), {"__module__": "torch.ao.nn.quantized.modules.linear"})
    layer.__class__ = quantised
    return nn.Sequential(nn.Linear(4, 4), layer)


def test_plain_networks_and_other_arguments_pass() -> None:
    model = Function(lambda s, x, n, nothing: s.fc(s.a(x)) * n, a=nn.Linear(3, 4), fc=nn.Linear(4, 2))
    inputs = torch.zeros(2, 3, dtype=torch.float64), 7, None
    assert [group.size for group in trace(model, inputs).groups] == [4]


def test_a_network_without_parameters_takes_inputs_anywhere() -> None:
    assert trace(nn.ReLU(), torch.zeros(2, device="meta")).groups == ()


def test_parameters_without_a_shape_are_named() -> None:
    with pytest.raises(InputError, match=r"a lazy '1.weight' that has none yet. Run the model once"):
        trace(nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(2)), torch.zeros(2, 3))


def test_quantised_layers_are_named() -> None:
    """Their weights are no parameters: they would stay as they are without a word."""
    with pytest.raises(
        InputError, match=r"a quantised LinearInt8 at '1'. Prune the network it was made from; quantise"
    ):
        admit(packed("LinearInt8"), (torch.zeros(2, 4),))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_quantised_buffers_are_named() -> None:
    model = nn.Linear(3, 2)
    model.register_buffer("table", torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8))
    with pytest.raises(InputError, match=r"'table' of type Tensor and torch.qint8"):
        admit(model, (torch.zeros(2, 3),))


def eager() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def called_compiled() -> nn.Module:
    """Compiled in place, as ``model.compile()`` does without saying so anywhere else."""
    model = eager()
    model[0]._compiled_call_impl = model[0]._call_impl
    return model


def capturing() -> nn.Module:
    """A graph as ``torch.export`` gives it, which replaces ``eval`` by a refusal."""
    model = torch.fx.symbolic_trace(eager())
    model.eval = lambda: None
    return model


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: torch.jit.script(eager()), r"a scripted RecursiveScriptModule at ''"),
        (lambda: torch.jit.trace(eager(), torch.zeros(2, 3)), r"a scripted TopLevelTracedModule at ''"),
        (lambda: torch.compile(eager(), backend="eager"), r"a compiled OptimizedModule at ''"),
        (called_compiled, r"a compiled Linear at '0'"),
        (capturing, r"a captured Sequential at ''"),
    ],
)
def test_what_was_made_of_a_network_is_named(made: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        trace(made(), torch.zeros(2, 3))


def test_a_graph_of_torch_fx_is_a_network_like_any_other() -> None:
    assert [group.size for group in trace(torch.fx.symbolic_trace(eager()), torch.zeros(2, 3)).groups] == [4]


def test_parameters_in_several_parts_are_named() -> None:
    model = nn.Linear(3, 2)
    model.weight = nn.Parameter(Doubled(torch.ones(2, 3)))
    with pytest.raises(InputError, match=r"'weight' of type Doubled and torch.float32"):
        admit(model, (torch.zeros(2, 3),))


def test_inputs_on_another_device_are_named() -> None:
    with pytest.raises(InputError, match=r"a tensor on cpu, where the model is, got one on meta"):
        admit(nn.Linear(3, 2), (torch.zeros(2, 3, device="meta"),))
