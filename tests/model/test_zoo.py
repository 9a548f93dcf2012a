from pathlib import Path

import pytest
import torch
from tiny_job import composed
from torchvision import models

from cpruner.model import ZOO
from cpruner.model.zoo import NAMED
from cpruner.schema import to_job

CONF = Path(__file__).parents[2] / "conf" / "model"
OTHERS = {"small", "torchvision"}


@pytest.mark.parametrize("name", ZOO)
def test_every_name_makes_its_network(name: str) -> None:
    with torch.device("meta"):  # the largest has 36 million parameters
        network = ZOO[name](7)
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert not network.training


def test_a_name_gives_the_weights_of_its_spec() -> None:
    made, again = ZOO["resnet20"](10), NAMED["resnet20"].build(10, torch.ones(1, 3, 32, 32))
    assert made.state_dict().keys() == again.state_dict().keys()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in made.state_dict().items())


def test_no_two_names_mean_the_same() -> None:
    assert ZOO.keys() == NAMED.keys()
    assert len(set(NAMED.values())) == len(NAMED) == 14
    assert not any(spec.pretrained for spec in NAMED.values())


def test_names_are_apart_from_those_of_torchvision() -> None:
    theirs = set(models.list_models(module=models))
    assert not theirs & set(ZOO)
    assert {name for name in ZOO if name.startswith("cifar_")} == {
        name for name in ZOO if name.removeprefix("cifar_") in theirs
    }


def test_the_command_has_the_same_names() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(ZOO) | OTHERS


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if number < 3 else pytest.mark.integration) for number, name in enumerate(ZOO)]
)
def test_a_name_means_the_same_network_to_the_command(name: str) -> None:
    assert to_job(composed(f"model={name}")).model == NAMED[name]
