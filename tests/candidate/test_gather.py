import importlib
import itertools
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.candidate.gather import gather

MODULE = importlib.import_module("cpruner.candidate.gather")
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.bool)


def selections(chosen: dict[int, list[int]]) -> list[tuple[int, Any, Tensor]]:
    arrays = {axis: np.asarray(index, dtype=np.int64) for axis, index in chosen.items()}
    return [(axis, index, torch.from_numpy(index)) for axis, index in arrays.items()]


def reference(tensor: Tensor, chosen: dict[int, list[int]]) -> Tensor:
    for axis, index in chosen.items():
        tensor = tensor.index_select(axis, torch.tensor(index, dtype=torch.int64))
    return tensor


def test_rows_and_columns_by_hand() -> None:
    tensor = torch.arange(12.0).reshape(3, 4)
    assert gather(tensor, selections({0: [0, 2]})).tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert gather(tensor, selections({1: [1]})).tolist() == [[1], [5], [9]]
    assert gather(tensor, selections({0: [1, 2], 1: [0, 3]})).tolist() == [[4, 7], [8, 11]]


@pytest.mark.parametrize("block", [0, 1 << 19], ids=["in blocks", "in the cache"])
@given(data=st.data())
def test_as_one_selection_after_the_other(block: int, data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    dtype = data.draw(st.sampled_from(DTYPES))
    tensor = torch.arange(torch.Size(shape).numel()).remainder(120).reshape(shape).to(dtype)
    if data.draw(st.booleans()):
        tensor = tensor.transpose(0, -1)
    chosen = {
        axis: sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
        for axis, size in enumerate(tensor.shape)
        if data.draw(st.booleans())
    }
    chosen = dict(sorted(chosen.items()))
    before = tensor.clone()
    with mock.patch.object(MODULE, "_BLOCK", block):
        result = gather(tensor, selections(chosen))
    assert result.dtype == dtype
    assert torch.equal(result, reference(tensor, chosen))
    assert torch.equal(tensor, before)


@pytest.mark.parametrize("axes", [axes for n in (1, 2, 3) for axes in itertools.combinations(range(4), n)])
def test_every_choice_of_axes_of_a_tensor_of_several_blocks(axes: tuple[int, ...]) -> None:
    """Three megabytes: rows are gathered in more than one block, with a rest."""
    tensor = torch.arange(140 * 30 * 9 * 20, dtype=torch.float32).reshape(140, 30, 9, 20)
    chosen = {axis: list(range(axis % 2, tensor.shape[axis], 2)) for axis in axes}
    assert torch.equal(gather(tensor, selections(chosen)), reference(tensor, chosen))


@pytest.mark.parametrize("size", [1, 9])
def test_a_large_parameter_in_small_and_large_pieces(size: int) -> None:
    """Pieces of one number go through a block of rows, pieces of nine are picked one by one."""
    weight = torch.nn.Parameter(torch.arange(600.0 * 512 * size).reshape(600, 512, size))
    chosen = {0: list(range(0, 600, 2)), 1: list(range(1, 512, 3))}
    with torch.no_grad():
        result = gather(weight, selections(chosen))
    assert type(result) is Tensor
    assert torch.equal(result, reference(weight.detach(), chosen))


@pytest.mark.parametrize("chosen", [{}, {0: [0, 1, 2]}, {0: [0, 2]}, {0: [0, 2], 1: [1]}, {0: [0, 1, 2], 1: [0]}])
def test_the_result_has_memory_of_its_own(chosen: dict[int, list[int]]) -> None:
    tensor = torch.arange(12.0).reshape(3, 4)
    gather(tensor, selections(chosen)).fill_(-1)
    assert tensor.flatten().tolist() == list(range(12))


def test_parts_without_numbers() -> None:
    assert gather(torch.zeros(3, 4, 0), selections({0: [1], 1: [2, 3]})).shape == (1, 2, 0)


@pytest.mark.parametrize(
    ("shape", "layout"), [((6, 5, 3, 3), torch.channels_last), ((6, 5, 2, 2, 2), torch.channels_last_3d)]
)
@pytest.mark.parametrize("chosen", [{0: [0, 2, 5]}, {1: [1, 2]}, {0: [0, 2, 5], 1: [1, 4]}, {}])
def test_channels_that_are_last_in_memory_stay_last(shape: Any, layout: Any, chosen: dict[int, list[int]]) -> None:
    """Else the smaller network would be slower than it has to be."""
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape).to(memory_format=layout)
    result = gather(tensor, selections(chosen))
    assert result.is_contiguous(memory_format=layout)
    assert not result.is_contiguous()
    assert torch.equal(result, reference(tensor, chosen))
