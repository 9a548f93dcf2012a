"""Both invariants on networks and candidates nobody wrote by hand."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariants import check
from random_nets import candidates, image_networks, networks, token_networks
from thorough import agree
from torch import Tensor, nn

from cpruner.space import trace

SLOW = settings(max_examples=2000, suppress_health_check=list(HealthCheck))
Drawn = tuple[nn.Module, tuple[Tensor, ...]]


def invariants_hold(drawn: Drawn, data: st.DataObject) -> None:
    model, inputs = drawn
    space = trace(model, inputs)
    for candidate in (space.dense(), space.smallest(), data.draw(candidates(space)), data.draw(candidates(space))):
        check(model, inputs, space, candidate)
    longer = tuple(torch.cat([value, 0.5 * value, -value]) for value in inputs)
    agree(model, longer, space, data.draw(candidates(space)))


@settings(max_examples=10)
@given(image_networks(), st.data())
def test_images(drawn: Drawn, data: st.DataObject) -> None:
    invariants_hold(drawn, data)


@settings(max_examples=8)
@given(token_networks(), st.data())
def test_tokens(drawn: Drawn, data: st.DataObject) -> None:
    invariants_hold(drawn, data)


@pytest.mark.slow
@SLOW
@given(image_networks(), st.data())
def test_images_thousands_of_times(drawn: Drawn, data: st.DataObject) -> None:
    invariants_hold(drawn, data)


@pytest.mark.slow
@SLOW
@given(token_networks(), st.data())
def test_tokens_thousands_of_times(drawn: Drawn, data: st.DataObject) -> None:
    invariants_hold(drawn, data)


@settings(max_examples=5)
@given(networks())
def test_every_parameter_axis_is_in_a_group_or_explained(drawn: Drawn) -> None:
    model, inputs = drawn
    space = trace(model, inputs)
    said = {f"{entry.tensor}[{entry.axis}]" for entry in space.frozen}
    said |= {member for group in space.groups for member in group.members}
    channel_axes = {
        f"{name}[{axis}]"
        for name, weight in model.named_parameters()
        for axis in (0, 1)
        if weight.shape[axis:] and weight.shape[axis] > 1
    }
    assert channel_axes <= said


@pytest.mark.integration
@settings(max_examples=5)
@given(networks())
def test_two_traces_agree(drawn: Drawn) -> None:
    model, inputs = drawn
    assert trace(model, inputs) == trace(model, inputs)
