"""Both invariants on networks and candidates nobody wrote by hand."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariants import check
from random_nets import candidates, networks

from cpruner.candidate import proven
from cpruner.space import trace

SLOW = settings(max_examples=2000, suppress_health_check=list(HealthCheck))


def invariants_hold(data: st.DataObject) -> None:
    model, inputs = data.draw(networks())
    space = trace(model, inputs)
    check(model, inputs, space, space.dense())
    check(model, inputs, space, space.smallest())
    for _ in range(3):
        check(model, inputs, space, data.draw(candidates(space)))


@settings(max_examples=40)
@given(st.data())
def test_the_mask_equals_surgery_and_the_counts_agree(data: st.DataObject) -> None:
    invariants_hold(data)


@pytest.mark.slow
@SLOW
@given(st.data())
def test_the_invariants_hold_thousands_of_times(data: st.DataObject) -> None:
    invariants_hold(data)


@given(networks())
def test_what_was_traced_stands_the_proof(drawn) -> None:
    model, inputs = drawn
    space = trace(model, inputs)
    assert proven(model, space, inputs) == space


@given(networks())
def test_every_parameter_axis_is_in_a_group_or_explained(drawn) -> None:
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
