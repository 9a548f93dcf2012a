import pytest
import torch
from torch import nn

from cpruner.errors import InputError
from cpruner.space import Scope

X = torch.ones(1, 4)


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 10), nn.Linear(10, 2)).eval()


def test_a_scope_limits_the_trace() -> None:
    everything = Scope().trace(model(), X)
    assert [group.size for group in everything.groups] == [12, 10]
    assert [group.name for group in Scope(exclude=["0"]).trace(model(), X).groups] == ["2"]
    assert [group.name for group in Scope(include=["0"]).trace(model(), X).groups] == ["0"]


def test_widths_are_those_asked_for() -> None:
    space = Scope(multiple_of=4, min_width=3).trace(model(), X)
    assert space.widths([0.5, 0.5]) == (8, 4)
    assert space.smallest().widths == (4, 4)


def test_zero_takes_what_suits_the_device() -> None:
    assert Scope(multiple_of=0).trace(model(), X).rounding.multiple_of == 1


@pytest.mark.parametrize("wrong", [{"multiple_of": -1}, {"min_width": 0}])
def test_what_is_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Scope(**wrong)
