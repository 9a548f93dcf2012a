import pytest
from torch import nn

from cpruner.errors import InputError
from cpruner.space.selection import matches, tensor_axes


def model() -> nn.Module:
    return nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)), nn.Conv2d(8, 8, 1), nn.Linear(8, 2))


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["0"], {"0", "0.0", "0.1"}),
        (["0.1"], {"0.1"}),
        (["0.*"], {"0.0", "0.1"}),
        ([nn.Conv2d], {"0.0", "1"}),
        ([nn.modules.batchnorm._BatchNorm, "2"], {"0.1", "2"}),
        ([], set()),
    ],
)
def test_modules_are_chosen_by_name_glob_or_class_with_all_inside(patterns, expected: set[str]) -> None:
    fits = matches(model(), patterns, "exclude")
    assert {path for path, _ in model().named_modules() if path and fits(path)} == expected


def test_a_name_is_no_prefix() -> None:
    assert not matches(model(), ["1"], "exclude")("10")


@pytest.mark.parametrize("pattern", ["head", "0.7", nn.LSTM, ""])
def test_a_pattern_that_fits_nothing_is_refused(pattern) -> None:
    with pytest.raises(
        InputError, match=r"include: expected the name, a glob or the class .* named like 0, 0\.0, 0\.1"
    ):
        matches(model(), [pattern], "include")


def test_axes_are_written_as_groups_show_them() -> None:
    axes = tensor_axes(model(), ["0.0.weight[0]", "0.1.running_mean[0]", "1.weight[1]"])
    assert axes == [("0.0.weight", 0), ("0.1.running_mean", 0), ("1.weight", 1)]


@pytest.mark.parametrize("member", ["0.0.weight", "0.0.weight[4]", "nothing[0]", "0.0.weight[-1]", "0.0.weight[x]"])
def test_an_axis_that_does_not_exist_is_refused(member: str) -> None:
    with pytest.raises(InputError, match=r"as 'layer\.weight\[0\]'"):
        tensor_axes(model(), ["0.0.bias[0]", member])


def test_axes_of_different_lengths_are_refused_with_their_lengths() -> None:
    with pytest.raises(InputError, match=r"\{'0\.0\.bias\[0\]': 8, '2\.bias\[0\]': 2\}"):
        tensor_axes(model(), ["0.0.bias[0]", "2.bias[0]"])
