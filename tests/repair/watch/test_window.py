import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from cpruner.repair.watch.window import Windows, picked, places, unravelled

IMAGE = torch.arange(2 * 3 * 5 * 4, dtype=torch.float32).reshape(2, 3, 5, 4) + 1


def windows(count: int, image: Tensor = IMAGE, **geometry: tuple[int, int]) -> Windows:
    made = {"taps": (2, 3), "stride": (2, 1), "padding": (1, 1), "dilation": (1, 1), **geometry}
    sizes = zip(image.shape[2:], *(made[key] for key in ("taps", "stride", "padding", "dilation")), strict=True)
    spatial = [(size + 2 * pad - gap * (tap - 1) - 1) // step + 1 for size, tap, step, pad, gap in sizes]
    return Windows(image, spatial, **made, count=count)


@pytest.mark.parametrize("count", [0, 10**6])
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 2)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.integers(1, 2), st.integers(1, 1)),
)
def test_windows_are_those_of_unfold(count: int, taps, stride, padding, dilation) -> None:
    """Read where they lie, and out of a copy with channels last."""
    expected = functional.unfold(IMAGE, taps, dilation, padding, stride)
    read = windows(count, taps=taps, stride=stride, padding=padding, dilation=dilation)
    at = torch.arange(2 * expected.shape[2])
    found = read(at)
    assert torch.equal(found, expected.transpose(1, 2).reshape(len(at), 3, -1))


@pytest.mark.parametrize(("count", "copied"), [(0, False), (1, False), (100, True)])
def test_only_many_windows_are_worth_a_copy(count: int, copied: bool) -> None:
    """Six taps each, of 40 places; reading one by one costs four times as much."""
    assert (windows(count)._rows_PC is not None) is copied


@pytest.mark.parametrize("count", [0, 10**6])
def test_outside_is_zero_even_beside_what_is_no_number(count: int) -> None:
    found = windows(count, torch.full((1, 1, 2, 2), torch.nan), taps=(1, 2))(torch.tensor([0]))
    assert found[0, 0].tolist()[0] == 0
    assert windows(count, IMAGE[:1, :1])(torch.tensor([0]))[0, 0].tolist() == [0, 0, 0, 0, 1, 2]


def test_what_is_picked_has_all_channels() -> None:
    found = picked(IMAGE, [torch.tensor([1, 0]), torch.tensor([4, 0]), torch.tensor([3, 2])])
    assert torch.equal(found, torch.stack([IMAGE[1, :, 4, 3], IMAGE[0, :, 0, 2]]))


@given(st.integers(0, 59))
def test_flat_places_are_taken_apart(flat: int) -> None:
    one, two, three = places(flat, (3, 4, 5))
    assert (one * 4 + two) * 5 + three == flat
    assert [int(index) for index in unravelled(torch.tensor([flat]), (3, 4, 5))] == [one, two, three]
