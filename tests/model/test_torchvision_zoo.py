from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cpruner.errors import InputError
from cpruner.model import Torchvision

EXAMPLE = torch.zeros(1, 3, 32, 32)


def test_builds_by_name_for_any_number_of_classes() -> None:
    network = Torchvision("shufflenet_v2_x0_5").build(7, EXAMPLE)
    assert network(EXAMPLE).shape == (1, 7)
    assert not network.training


def test_same_seed_same_weights() -> None:
    before = torch.random.get_rng_state()
    first, again = (Torchvision("squeezenet1_1", seed=4).build(2, EXAMPLE).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_networks_with_auxiliary_heads_return_plain_logits() -> None:
    network = Torchvision("googlenet").build(4, EXAMPLE).train()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 4)


def test_unknown_name_suggests_close_ones() -> None:
    with pytest.raises(InputError, match="Did you mean resnet50"):
        Torchvision("resnet5O").build(10, EXAMPLE)


def test_segmentation_networks_are_not_offered() -> None:
    with pytest.raises(InputError, match=r"Torchvision\.name"):
        Torchvision("fcn_resnet50").build(10, EXAMPLE)


def test_grey_images_are_refused() -> None:
    with pytest.raises(InputError, match="three channels"):
        Torchvision("squeezenet1_1").build(10, torch.zeros(1, 1, 8, 8))


def test_weights_from_a_file(tmp_path: Path) -> None:
    wanted = Torchvision("squeezenet1_1", seed=1).build(2, EXAMPLE).state_dict()
    file = tmp_path / "w.safetensors"
    save_file(wanted, file)
    loaded = Torchvision("squeezenet1_1", weights=str(file)).build(2, EXAMPLE).state_dict()
    assert all(torch.equal(loaded[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("weights", ["NO_SUCH_WEIGHTS", "IMAGENET1K_V1"])  # unknown; for 1000 classes
def test_published_weights_that_do_not_fit_are_refused(weights: str) -> None:
    with pytest.raises(InputError, match=r"weights of squeezenet1_1 for 2 classes"):
        Torchvision("squeezenet1_1", weights=weights).build(2, EXAMPLE)
