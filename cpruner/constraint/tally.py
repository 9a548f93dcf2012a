"""Count floating point operations of one forward call, and refuse to count what is not understood.

``torch.utils.flop_counter`` counts 2 per multiply-accumulate of convolutions, matrix products and attention, and
silently 0 for every operator it has no formula for. Here each operator that really ran is looked at, and one that
does such work uncounted is an error.
"""

import copy
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cpruner.constraint.example import device_of, map_tensors, tensors
from cpruner.constraint.steady import require_initialised, steady, without_gradients
from cpruner.errors import CostError

Shape = Sequence[int]

_PRODUCT = re.compile(r"mm|mv|conv|linear|rnn|lstm|gru|attention|transformer|dot|cdist|_fft_")
_NO_PRODUCT = re.compile(
    r"upsample|gamma|hamming|helper|convert|combination|cum|freq|reorder|flatten_weight|_cell|nested"
)
_OWN_NAMESPACES = ("aten", "prim", "prims", "torchvision")


def count_flops(network: nn.Module, inputs: tuple[Any, ...]) -> int:
    """Floating point operations of ``network(*inputs)`` in evaluation mode, 2 per multiply-accumulate.

    A twin of the network with shapes but no values is run, which takes no memory and avoids fused kernels that have
    no formula. A network that needs values (data-dependent control flow, say) is run as it is.

    Args:
        network: Any network; it is left as it was.
        inputs: Positional arguments of one forward call, all examples together.

    Returns:
        Convolutions, matrix products and attention; normalisation, activations, pooling and biases are left out.

    Raises:
        CostError: The network cannot be run, or does a kind of product for which there is no formula.
    """
    require_initialised(network)
    try:
        shadow = _twin(network).eval()
        flops, unknown = _run(shadow, map_tensors(_shape_only, inputs))
    except Exception:  # anything may go wrong without values; the real run below decides
        device = device_of(network, inputs)
        moved = map_tensors(lambda tensor: tensor.to(device), inputs)
        try:
            with steady(network, device):
                flops, unknown = _run(network, moved)
        except Exception as error:
            raise CostError(f"the network cannot be run on its example inputs: {error}") from error
    if unknown:
        listed = ", ".join(f"{name} ({times}x)" for name, times in sorted(unknown.items()))
        raise CostError(
            f"FLOPs would be too low: there is no formula for {listed}. Teach one to torch with "
            "torch.utils.flop_counter.register_flop_formula, or budget a cost that is measured, such as Latency."
        )
    return flops


def _shape_only(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, device="meta")


def _twin(network: nn.Module) -> nn.Module:
    """Deep copy in which parameters and buffers have shapes but no values; sharing is kept, nothing is copied."""
    known: dict[int, Any] = {id(buffer): _shape_only(buffer) for buffer in network.buffers()}
    for parameter in network.parameters():
        known[id(parameter)] = nn.Parameter(_shape_only(parameter.detach()), requires_grad=parameter.requires_grad)
    return copy.deepcopy(network, known)


def _run(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[int, Counter[str]]:
    # no_grad and not inference_mode: parametrised modules cannot be decomposed by the counter in the latter.
    counter = FlopCounterMode(display=False, custom_mapping=_missing_formulas())
    watch = _Watch(counter.flop_registry)
    with torch.no_grad(), without_gradients(network), watch, counter:
        network(*inputs)
    return int(counter.get_total_flops()), watch.unknown


class _Watch(TorchDispatchMode):
    """Entered outside the counter, so it sees the operators left after decomposition, which are those that run."""

    def __init__(self, formulas: dict[Any, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.formulas = formulas
        self.unknown: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._overloadpacket not in self.formulas and _does_products(func, args):
            self.unknown[str(func._overloadpacket)] += 1
        return func(*args, **(kwargs or {}))


def _does_products(operator: Any, args: Any) -> bool:
    """Whether an operator belongs to the families that are counted, or is foreign and may do anything."""
    if torch.Tag.pointwise in operator.tags or operator.is_view:
        return False
    if operator.namespace not in _OWN_NAMESPACES:
        return any(tensor.is_floating_point() for tensor in tensors(list(args)))
    name = operator._schema.name.split("::")[1]
    return bool(_PRODUCT.search(name) or name == "_trilinear") and not _NO_PRODUCT.search(name)


def _missing_formulas() -> dict[Any, Callable[..., int]]:
    """Formulas for matrix products that torch's own table leaves out, 2 per multiply-accumulate."""
    aten: Any = torch.ops.aten
    return {
        aten.mv: lambda a_MK, _, **__: 2 * a_MK[0] * a_MK[1],
        aten.addmv: lambda _, a_MK, *__, **___: 2 * a_MK[0] * a_MK[1],
        aten.dot: lambda a_K, _, **__: 2 * a_K[0],
        aten.vdot: lambda a_K, _, **__: 2 * a_K[0],
        aten.addmm_: lambda _, a_MK, b_KN, **__: 2 * a_MK[0] * a_MK[1] * b_KN[1],
        aten.baddbmm_: lambda _, a_BMK, b_BKN, **__: 2 * a_BMK[0] * a_BMK[1] * a_BMK[2] * b_BKN[2],
        aten.addbmm: lambda _, a_BMK, b_BKN, **__: 2 * a_BMK[0] * a_BMK[1] * a_BMK[2] * b_BKN[2],
    }
