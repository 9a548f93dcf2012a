"""Hypothesis strategies: sheets of ten labels with everything that can tie them, and axes that carry them."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from cpruner.space.label.sheet import Sheet

COUNT = 10


def labels(*numbers: int) -> Tensor:
    return torch.tensor(numbers)


def sheet_of(count: int) -> Sheet:
    """A sheet with labels 1..count."""
    sheet = Sheet()
    sheet.fresh(count)
    return sheet


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """Any edges, freezes and definitions (also of FIXED, of itself, in circles, of any width)."""
    sheet, label = sheet_of(COUNT), st.integers(0, COUNT)
    for left, right in draw(st.lists(st.tuples(label, label), max_size=4)):
        sheet.unite(labels(left), labels(right), "edge to a fixed size")
    width = st.tuples(label, label, label) | st.tuples(label, label, label, label)
    for own, *factors in draw(st.lists(width, max_size=5)):
        sheet.definitions.append((labels(own), tuple(labels(factor) for factor in factors)))
    for frozen in draw(st.lists(label, max_size=2)):
        sheet.freeze(labels(frozen), "frozen")
    return sheet


@st.composite
def axes(draw: st.DrawFn) -> dict[tuple[str, int], Tensor]:
    """Up to four tensor axes that carry any of the labels."""
    vectors = draw(st.lists(st.lists(st.integers(0, COUNT), min_size=2, max_size=8), max_size=4))
    return {(f"t{number}", 0): torch.tensor(vector) for number, vector in enumerate(vectors)}


@st.composite
def grids(draw: st.DrawFn) -> tuple[Sheet, dict[tuple[str, int], Tensor]]:
    """Heads times dimensions on axes of several layers, parts of them frozen or shared with other axes."""
    heads, dims = draw(st.integers(2, 3)), draw(st.integers(2, 4))
    sheet = Sheet()
    rows, columns = sheet.fresh(heads), sheet.fresh(dims)
    found = {("rows", 0): rows, ("columns", 0): columns}
    for number in range(draw(st.integers(1, 3))):
        grid = sheet.conjoin((rows[:, None], columns[None]))
        part = draw(st.sampled_from(("whole", "first row", "some", "twice")))
        flat = {
            "whole": grid,
            "first row": grid[0],
            "some": grid.flatten()[: heads * dims - 1],
            "twice": grid.repeat(2, 1),
        }
        found[f"grid{number}", 0] = flat[part].flatten()
    if draw(st.booleans()):
        sheet.freeze(draw(st.sampled_from((rows[:1], columns[-1:], rows, columns))), "frozen")
    return sheet, found
