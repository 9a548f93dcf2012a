"""The smaller network lies where the dense one does."""

from dataclasses import replace

import pytest
import torch
from few import few
from invariants import check, run
from programs import CHANNELS, LAST, ODD, PICK
from torch import nn

from cpruner.candidate import Candidate, Cut, Plan, materialise
from cpruner.space import trace
from cpruner.testing.nets import NETS


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("net", few(NETS))
def test_the_smaller_network_lies_where_the_dense_one_does(net) -> None:
    model, inputs = net.build().to("cuda"), tuple(x.to("cuda") for x in net.inputs())
    space = trace(model, inputs)
    assert {p.device for p in check(model, inputs, space, space.uniform(0.5)).parameters()} == {inputs[0].device}


@pytest.mark.parametrize("net", few(NETS))
def test_everything_is_where_the_dense_network_is(net) -> None:
    """The meta device stands for any other than the CPU; what a program picks lies there too."""
    model = net.build()
    small = materialise(model.to("meta"), trace(net.build(), net.inputs()).uniform(0.5))
    assert {tensor.device.type for tensor in (*small.parameters(), *small.buffers())} == {"meta"}
    assert all(output.is_meta for output in run(small, tuple(x.to("meta") for x in net.inputs())))


def test_what_a_module_without_tensors_picks_lies_where_the_network_is() -> None:
    model = nn.Sequential(nn.Linear(2, 6), nn.Identity()).to("meta")
    program = replace(PICK, module="1")
    plan = Plan(("c",), (6,), (CHANNELS, ODD, LAST), (Cut("0.weight", 0, 0), Cut("0.bias", 0, 0)), (), (program,))
    small = materialise(model, Candidate(((1, 2, 5),), plan))
    assert small[1]._pick_0.is_meta
    assert small(torch.zeros(4, 2, device="meta")).shape == (4, 2)
