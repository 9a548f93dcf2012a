import pytest
import torch

from cpruner.space import trace
from cpruner.testing.image_nets import IMAGE_NETS
from cpruner.testing.nets import NETS
from cpruner.testing.token_nets import TOKEN_NETS

every_net = pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)


@every_net
def test_tracing_finds_what_is_known_by_hand(net) -> None:
    space = trace(net.build(), net.inputs())
    assert tuple((group.name, group.size) for group in space.groups) == net.groups
    said = {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}
    assert [(axis, words) for axis, words in net.frozen if words not in said.get(axis, "")] == []


@every_net
def test_every_network_can_be_built_and_run(net) -> None:
    model, inputs = net.build(), net.inputs()
    assert tuple(tuple(tensor.shape) for tensor in inputs) == net.shapes
    with torch.no_grad():
        output = model(*inputs)
    output = output["logits"] if isinstance(output, dict) else output
    assert torch.isfinite(output).all()
    assert len(output) == len(inputs[0])


def test_names_are_unique_and_none_is_left_out() -> None:
    assert len({net.name for net in NETS}) == len(NETS)
    assert set(NETS) == {*IMAGE_NETS, *TOKEN_NETS}
