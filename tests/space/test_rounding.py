from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cpruner.errors import InputError
from cpruner.space import Rounding
from cpruner.space.rounding import hardware_multiple


@pytest.mark.parametrize(
    ("min_width", "size", "ratio", "step", "width"),
    [
        (1, 10, 0.0, 1, 1),
        (1, 10, 0.04, 1, 1),
        (1, 10, 0.34, 1, 3),
        (1, 10, 1.0, 1, 10),
        (3, 10, 0.0, 1, 3),
        (20, 10, 0.0, 1, 10),
        (1, 10, 0.0, 4, 4),
        (1, 10, 0.55, 4, 4),
        (1, 10, 0.61, 4, 8),
        (1, 10, 0.86, 4, 8),
        (1, 10, 0.9, 4, 10),
        (1, 10, 0.95, 4, 10),
        (5, 10, 0.0, 4, 8),
        (1, 10, 0.2, 16, 10),
        (1, 16, 0.5, 16, 16),
    ],
)
def test_widths_by_hand(min_width: int, size: int, ratio: float, step: int, width: int) -> None:
    assert Rounding(min_width=min_width).width(size, ratio, step) == width


@given(st.integers(1, 9), st.integers(1, 40), st.floats(0, 1), st.integers(1, 9))
def test_the_width_is_legal_and_nearest(min_width: int, size: int, ratio: float, step: int) -> None:
    width = Rounding(min_width=min_width).width(size, ratio, step)
    legal = [k for k in range(min_width, size) if k % step == 0] + [size]
    assert width in legal
    assert abs(width - ratio * size) == min(abs(k - ratio * size) for k in legal)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 9), st.floats(0, 1), st.floats(0, 1))
def test_the_width_grows_with_the_ratio(min_width: int, size: int, step: int, one: float, other: float) -> None:
    rounding = Rounding(min_width=min_width)
    assert rounding.width(size, min(one, other), step) <= rounding.width(size, max(one, other), step)


@pytest.mark.parametrize("name", ["multiple_of", "min_width"])
@pytest.mark.parametrize("value", [0, -3, 1.5, "4", True, None])
def test_numbers_below_one_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{name}: expected an integer >= 1, got {value}"):
        Rounding(**{name: value})


@pytest.mark.parametrize(
    ("rounding", "step", "whole", "why"),
    [
        (Rounding(), 1, False, "at least one stays"),
        (Rounding(8), 8, False, "widths are multiples of 8 (asked for)"),
        (Rounding(8, reason="float16 on cuda"), 2, False, "widths are multiples of 2 (float16 on cuda)"),
        (Rounding(8, 4), 8, False, "widths are multiples of 8 (asked for) and at least 4 stay"),
        (Rounding(8), 8, True, "widths are multiples of 8 (asked for) and the whole group is as near"),
        (Rounding(1, 4), 1, False, "at least 4 stay"),
    ],
)
def test_why(rounding: Rounding, step: int, whole: bool, why: str) -> None:
    assert rounding.why(step, whole) == why


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_processors_like_every_width(dtype: torch.dtype) -> None:
    found = hardware_multiple(nn.Linear(2, 2).to(dtype))
    assert (found.multiple_of, found.min_width) == (1, 1)
    assert found.reason == f"{str(dtype).removeprefix('torch.')} on cpu"


@pytest.mark.parametrize(
    ("dtypes", "step", "reason"),
    [
        ((torch.float16,), 8, "float16 on cuda"),
        ((torch.float32,), 4, "float32 on cuda"),
        ((torch.float64,), 1, "float64 on cuda"),
        ((torch.float32, torch.bfloat16), 8, "bfloat16 on cuda"),
    ],
)
def test_matrix_units_like_multiples(dtypes: tuple[torch.dtype, ...], step: int, reason: str) -> None:
    """The type that asks for most decides."""

    class Pretender:
        """Parameters that claim to be on a GPU."""

        def parameters(self) -> list[Any]:
            return [type("P", (), {"device": torch.device("cuda"), "dtype": dtype})() for dtype in dtypes]

    found = hardware_multiple(Pretender())  # type: ignore[arg-type]
    assert (found.multiple_of, found.reason) == (step, reason)


def test_a_model_without_parameters_has_no_preference() -> None:
    assert hardware_multiple(nn.ReLU()) == Rounding()


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=5), st.data())
def test_many_widths_at_once(min_width: int, groups: list[tuple[int, int]], data: Any) -> None:
    rounding = Rounding(min_width=min_width)
    sizes, steps = zip(*groups, strict=True)
    rows = data.draw(st.lists(st.lists(st.floats(0, 1), min_size=len(sizes), max_size=len(sizes)), max_size=4))
    ratio_NG = np.array(rows, dtype=np.float64).reshape(-1, len(sizes))
    found = rounding.widths(np.array(sizes), ratio_NG, np.array(steps))
    assert found.tolist() == [
        [rounding.width(*one) for one in zip(sizes, row, steps, strict=True)] for row in ratio_NG.tolist()
    ]
