"""The reference for normalisations across a pruned axis: statistics of the kept channels only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cpruner.space.run import BATCH_NORMS, STATISTICS


@dataclass(frozen=True)
class Kept:
    """Kept channels of one computation of statistics, how many groups are left (None: all), the axis of the input."""

    channels: Tensor
    groups: int | None
    axis: int


class KeptNorm(TorchDispatchMode):
    """Makes the normalisations of a masked network ignore the removed channels.

    Args:
        kept: What each normalisation, mean or variance keeps, in the order in which they run; None for all.
    """

    def __init__(self, kept: Sequence[Kept | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kept = iter(kept)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in here, and skipping it would load the compiler, which takes seconds."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name not in _NORMS:
            return _finite(name, args, func(*args, **(kwargs or {})))
        kept = next(self._kept)
        if kept is None:
            return func(*args, **(kwargs or {}))
        return _NORMS[name](func, args, kwargs or {}, replace(kept, channels=kept.channels.to(args[0].device)))


def _finite(name: str, args: Any, result: Any) -> Any:
    """What is divided by a removed number, which is zero, is removed as well."""
    if name == "_weight_norm_interface":
        result[0].masked_fill_(result[0].isnan(), 0)
    elif name in ("div", "div_") and isinstance(args[1], Tensor) and result.is_floating_point():
        result.masked_fill_(args[1] == 0, 0)
    return result


def _statistic(func: Any, args: Any, kwargs: Any, kept: Kept) -> Any:
    return func(args[0].index_select(kept.axis, kept.channels), *args[1:], **kwargs)


def _layer_norm(func: Any, args: Any, _kwargs: Any, kept: Kept) -> Any:
    source, shape, *rest = args
    index = kept.channels
    vectors = [v.index_select(-1, index) if isinstance(v, Tensor) else v for v in rest]
    part = func(source.index_select(-1, index), [*shape[:-1], len(index)], *vectors)
    return _scattered(part, source, -1, index)


def _batch_norm(func: Any, args: Any, kwargs: Any, kept: Kept) -> Any:
    source, *rest = args
    part = func(source.index_select(kept.axis, kept.channels), *rest, **kwargs)
    return _scattered(part, source, kept.axis, kept.channels)


def _group_norm(func: Any, args: Any, _kwargs: Any, kept: Kept) -> Any:
    source, weight, bias, batch, _, positions, dense, epsilon = args
    index = kept.channels
    vectors = [v.index_select(0, index) if isinstance(v, Tensor) else v for v in (weight, bias)]
    count = dense if kept.groups is None else kept.groups
    part = func(source.index_select(1, index).contiguous(), *vectors, batch, len(index), positions, count, epsilon)
    return _scattered(part, source, 1, index)


def _scattered(part: Any, source: Tensor, axis: int, kept: Tensor) -> Any:
    first = part[0] if isinstance(part, tuple) else part
    whole = torch.zeros_like(source).index_copy(axis, kept, first)
    return (whole, *part[1:]) if isinstance(part, tuple) else whole


_NORMS = {
    "native_layer_norm": _layer_norm,
    "rms_norm": _layer_norm,
    "_fused_rms_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **dict.fromkeys(STATISTICS, _statistic),
    **dict.fromkeys(BATCH_NORMS, _batch_norm),
}
