import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cpruner.errors import InputError
from cpruner.model import ModelSpec, SmallResNet


def test_widths_follow_the_options() -> None:
    network = SmallResNet(width=4, stages=3, blocks=1, inner=2).build(10, torch.zeros(1, 1, 8, 8))
    shapes = [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [
        (4, 1, 3, 3),
        (8, 4, 3, 3),
        (4, 8, 3, 3),
        (16, 4, 3, 3),
        (8, 16, 3, 3),
        (8, 4, 1, 1),
        (32, 8, 3, 3),
        (16, 32, 3, 3),
        (16, 8, 1, 1),
    ]


@settings(max_examples=15, deadline=None)
@given(
    width=st.integers(1, 4),
    stages=st.integers(1, 4),
    blocks=st.integers(1, 2),
    channels=st.integers(1, 4),
    height=st.integers(1, 9),
    classes=st.integers(2, 5),
)
def test_any_shape_goes_through(width: int, stages: int, blocks: int, channels: int, height: int, classes: int) -> None:
    spec: ModelSpec = SmallResNet(width=width, stages=stages, blocks=blocks)
    example = torch.ones(1, channels, height, 6)
    network = spec.build(classes, example)
    logits = network(example.repeat(2, 1, 1, 1))
    assert logits.shape == (2, classes)
    assert logits.dtype == torch.float32
    assert not network.training


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    example = torch.zeros(1, 1, 8, 8)
    first, again, other = (SmallResNet(width=2, seed=seed).build(10, example).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_global_random_numbers_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    SmallResNet(width=2).build(10, torch.zeros(1, 1, 8, 8))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_caller_s_seed_does_not_change_the_weights() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = SmallResNet(width=2).build(3, torch.zeros(1, 1, 8, 8)).state_dict()
        torch.manual_seed(2)
        second = SmallResNet(width=2).build(3, torch.zeros(1, 1, 8, 8)).state_dict()
    assert torch.equal(first["head.weight"], second["head.weight"])


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"stages": 0}, {"stages": 7}, {"blocks": 0}, {"inner": 0}, {"seed": -1}]
)
def test_refuses_values_outside_the_range(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"SmallResNet.{next(iter(options))}"):
        SmallResNet(**options)
