"""Selects indices along some axes of a tensor, in about the time it takes to copy the result.

Two selections one after the other would write everything the first one keeps to fresh memory, of which the second
reads a part. On the CPU the rows are therefore gathered a block at a time into memory that stays in the cache.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Axis, kept positions along it, and the same positions on the tensor's device.
Selection = tuple[int, NDArray[np.int64], Tensor]

#: Bytes of rows gathered at a time, and from how many bytes on a piece is worth an index of its own.
_BLOCK, _PIECE = 1 << 18, 16
_KNOWN = frozenset((torch.float32, torch.float64, torch.int64))
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def gather(tensor: Tensor, selections: Sequence[Selection]) -> Tensor:
    """The selected part of a tensor, in memory of its own; channels stay last where they are.

    Args:
        tensor: Any tensor without gradient; on the CPU its numbers are moved, elsewhere torch's own kernels run.
        selections: At most one per axis.
    """
    shape = tensor.shape
    fewer = [one for one in selections if len(one[1]) < shape[one[0]]]
    if not fewer:
        return tensor.clone()
    simple = len(fewer) == 1 or not tensor.is_cpu or not tensor.is_contiguous()
    if simple or tensor.element_size() not in _INTEGERS:
        layout = _layout(tensor)
        for axis, _, index in fewer:
            tensor = tensor.index_select(axis, index)
        return tensor.contiguous(memory_format=layout)
    fewer.sort(key=lambda one: one[0])
    kept = {axis: len(index) for axis, index, _ in fewer}
    result = torch.empty([kept.get(axis, size) for axis, size in enumerate(shape)], dtype=tensor.dtype)
    _blocks(_numbers(tensor), [one[:2] for one in fewer], _numbers(result))
    return result


def _layout(tensor: Tensor) -> torch.memory_format:
    for layout, ndim in ((torch.channels_last, 4), (torch.channels_last_3d, 5)):
        if tensor.ndim == ndim and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=layout):
            return layout
    return torch.contiguous_format


def _numbers(tensor: Tensor) -> NDArray[Any]:
    """The memory of a tensor as an array; types that numpy lacks are seen as integers of the same size."""
    if tensor.dtype not in _KNOWN:
        tensor = tensor.view(_INTEGERS[tensor.element_size()])
    return tensor.numpy()


def _blocks(source: NDArray[Any], selections: Sequence[tuple[int, NDArray[np.int64]]], result: NDArray[Any]) -> None:
    (first, rows), *others = selections
    if first > 0:
        for one, part in zip(source, result, strict=True):
            _blocks(one, [(axis - 1, index) for axis, index in selections], part)
        return
    axis, index = others[-1]
    if axis == 1 and source[0, 0].nbytes >= _PIECE:
        places = (rows[:, None] * source.shape[1] + index).ravel()
        pieces = source.reshape(-1, source[0, 0].size)
        pieces.take(places, 0, out=result.reshape(len(places), -1), mode="clip")
        return
    count = max(1, _BLOCK // max(source[0].nbytes, 1))
    for start in range(0, len(rows), count):
        part = source.take(rows[start : start + count], 0, mode="clip")
        for between, positions in others[:-1]:
            part = part.take(positions, between, mode="clip")
        part.take(index, axis, out=result[start : start + count], mode="clip")
