"""Selects indices along some axes of a tensor, in about the time it takes to read what is kept of its rows.

One selection after the other is as fast as anything while what lies between them stays in the cache. Larger tensors on
the CPU are gathered in one go where the pieces that stay are long enough, else a block of rows at a time.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Axis, kept positions along it, and the same positions on the tensor's device.
Selection = tuple[int, NDArray[np.int64], Tensor]

#: Bytes of rows that stay in the cache, and from how many bytes on a piece is worth an index of its own.
_BLOCK, _PIECE = 1 << 19, 16
_KNOWN = frozenset((torch.float32, torch.float64, torch.int64))
_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
_MODE: Final = "wrap"  # all indices are inside; numpy's other modes check each of them in its innermost loop
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def gather(tensor: Tensor, selections: Sequence[Selection]) -> Tensor:
    """The selected part of a tensor, in memory of its own; channels stay last where they are.

    Args:
        tensor: Any tensor, while autograd is off.
        selections: At most one per axis, the first axis first.
    """
    if not selections:
        return tensor.clone()
    if tensor.ndim == 1:  # most tensors of a network: nothing else to look at
        return tensor.index_select(0, selections[0][2])
    if tensor.is_cpu and tensor.is_contiguous() and _large(tensor, selections):
        return _together(tensor, selections)
    layout = _layout(tensor)
    for axis, _, index in selections:
        tensor = tensor.index_select(axis, index)
    return tensor.contiguous(memory_format=layout) if layout else tensor


def _large(tensor: Tensor, selections: Sequence[Selection]) -> bool:
    """Whether more than whole rows are selected, and more than the cache holds is to be written or read on the way."""
    axis, index, _ = selections[0]
    size = tensor.element_size()
    kept = tensor.numel() // max(tensor.size(axis), 1) * len(index) * size
    return kept > _BLOCK and (axis > 0 or len(selections) > 1) and size in _INTEGERS


def _layout(tensor: Tensor) -> torch.memory_format | None:
    """The order in memory that the result has to be brought into; None where it has it anyway."""
    layout = _LAST.get(tensor.ndim)
    if layout is None or tensor.is_contiguous() or not tensor.is_contiguous(memory_format=layout):
        return None
    return layout


def _together(tensor: Tensor, selections: Sequence[Selection]) -> Tensor:
    """Several selections out of memory in the usual order."""
    shape = list(tensor.shape)
    for axis, index, _ in selections:
        shape[axis] = len(index)
    result = torch.empty(shape, dtype=tensor.dtype)
    _blocks(_numbers(tensor), [one[:2] for one in selections], _numbers(result))
    return result


def _numbers(tensor: Tensor) -> NDArray[Any]:
    """The memory of a tensor as an array; types that numpy lacks are seen as integers of the same size."""
    tensor = tensor.detach()
    if tensor.dtype not in _KNOWN:
        tensor = tensor.view(_INTEGERS[tensor.element_size()])
    return tensor.numpy()


def _blocks(source: NDArray[Any], selections: Sequence[tuple[int, NDArray[np.int64]]], result: NDArray[Any]) -> None:
    (first, rows), *others = selections
    if not others:
        source.take(rows, first, result, _MODE)
        return
    if first > 0:
        for one, part in zip(source, result, strict=True):
            _blocks(one, [(axis - 1, index) for axis, index in selections], part)
        return
    axis, index = others[-1]
    if axis == 1 and (piece := source[0, 0].size) * source.itemsize >= _PIECE:
        places = np.add.outer(rows * source.shape[1], index).ravel()
        source.reshape(-1, piece).take(places, 0, result.reshape(-1, piece), _MODE)
        return
    count = min(max(1, _BLOCK // max(source[0].nbytes, 1)), len(rows))
    block = np.empty((count, *source.shape[1:]), source.dtype)  # one for all, so that it stays in the cache
    for start in range(0, len(rows), count):
        some = rows[start : start + count]
        part = source.take(some, 0, block[: len(some)], _MODE)
        for between, positions in others[:-1]:
            part = part.take(positions, between, None, _MODE)
        part.take(index, axis, result[start : start + count], _MODE)
