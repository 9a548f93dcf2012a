import pytest
import torch
from measure.count import macs, shapes
from torchvision import models
from zoo import zoo

SMALL = [
    "shufflenet_v2_x0_5",
    "torch/transformer_encoder",
    "torch/transformer_encoder_norm_first",
    "torch/multihead_attention",
    "torch/cross_attention",
    "torch/transformer",
    "sequence/lstm",
    "sequence/gru_bidirectional",
    "sequence/state_space",
    "sequence/graph_attention",
]


def test_every_classifier_of_torchvision_is_there() -> None:
    entries = zoo()
    assert set(models.list_models(module=models)) == {e.name for e in entries.values() if e.family == "torchvision"}
    assert {"cifar", "segmentation", "video", "timm", "torch", "sequence"} < {e.family for e in entries.values()}


@pytest.mark.parametrize("name", SMALL)
def test_a_network_is_the_same_at_every_call_and_has_its_classes(name: str) -> None:
    entry = zoo()[name]
    one, other = entry.build(), entry.build()
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert not any(module.training for module in one.modules())
    work, output = macs(one, entry.inputs())
    assert work > 0
    assert shapes(output)[0][-1] == entry.classes


def test_building_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    zoo()["torch/multihead_attention"].build()
    assert torch.equal(torch.get_rng_state(), before)
