"""The two invariants of surgery, as assertions: the mask equals the smaller network, and the counts agree.

The reference is the dense network with what is removed at zero, where normalisations run over what is kept only.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cpruner.candidate import Candidate, masked, materialise
from cpruner.space import PruningSpace, tensors_of
from cpruner.space.proof.kept_norm import Kept, KeptNorm


class ZeroQuotients(TorchDispatchMode):
    """What is divided by a number that was removed (and so is zero) is removed as well."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, name = func(*args, **(kwargs or {})), func.overloadpacket.__name__
        if name == "_weight_norm_interface":
            result[0].masked_fill_(result[0].isnan(), 0)
        if name in ("div", "div_") and isinstance(args[1], Tensor):
            result.masked_fill_(args[1] == 0, 0)
        return result


@contextmanager
def unfused() -> Iterator[None]:
    """Torch's encoder layers op by op, so that their normalisations can be seen."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def run(network: nn.Module, inputs: tuple[Any, ...], *, fused: bool = False) -> list[Tensor]:
    """All output tensors, in a fixed order; torch's encoder layers op by op unless ``fused``."""
    with torch.no_grad(), nullcontext() if fused else unfused():
        return tensors_of(network(*inputs))


def kept_norms(space: PruningSpace, candidate: Candidate) -> KeptNorm:
    """What every computation of statistics keeps."""

    def kept(place: int) -> Tensor:
        return torch.from_numpy(candidate.indices(place))

    return KeptNorm(
        [
            None
            if norm.channels is None
            else Kept(kept(norm.channels), None if norm.groups is None else len(kept(norm.groups)), norm.axis)
            for norm in space.norms
        ]
    )


def reference(model: nn.Module, inputs: tuple[Any, ...], space: PruningSpace, candidate: Candidate) -> list[Tensor]:
    """Outputs of the dense network without what the candidate removes."""
    with ExitStack() as stack:
        for context in (ZeroQuotients(), kept_norms(space, candidate), masked(model, candidate)):
            stack.enter_context(context)
        return run(model, inputs)


def check(
    model: nn.Module, inputs: tuple[Any, ...], space: PruningSpace, candidate: Candidate, *, flops: bool = True
) -> nn.Module:
    """Assert both invariants for one candidate of a float64 network; return the smaller network.

    Args:
        model: The dense network.
        inputs: Positional inputs.
        space: Its space.
        candidate: What to keep.
        flops: False where torch itself multiplies in another way when an axis has length one (einsum).
    """
    small = materialise(model, candidate)
    with FlopCounterMode(display=False) as counter:
        results = run(small, inputs, fused=True)
    counts = space.count(candidate)
    assert counts.flops == 2 * counts.macs
    assert counter.get_total_flops() == counts.flops or not flops
    assert sum(parameter.numel() for parameter in small.parameters()) == counts.params
    expected = reference(model, inputs, space, candidate)
    assert len(results) == len(expected) > 0
    for result, wanted in zip(results, expected, strict=True):
        assert result.shape == wanted.shape
        assert torch.isfinite(wanted).all()
        assert (result - wanted).abs().max() <= 1e-9 * wanted.abs().max()
    return small
