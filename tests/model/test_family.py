import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cpruner.errors import InputError
from cpruner.model.family import Family


@dataclass(frozen=True)
class Mixed(Family):
    def network(self, channels: int, classes: int) -> nn.Module:
        layers = nn.Conv2d(channels, 64, 3), nn.BatchNorm2d(64), nn.Conv2d(64, 64, 3, groups=64)
        return nn.Sequential(*layers, nn.Linear(200, classes))


def made(**options: Any) -> nn.Module:
    return Mixed(**options).build(300, torch.zeros(1, 32, 8, 8))


def test_initial_weights_have_variance_two_over_fan_in() -> None:
    network = made()
    for name, fan_in in (("0", 32 * 9), ("2", 9), ("3", 200)):
        weight = network.get_parameter(f"{name}.weight")
        assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.08)
    assert torch.equal(network.get_parameter("1.weight"), torch.ones(64))


def test_the_seed_decides_and_the_caller_s_numbers_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    one, again, other = (made(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["3.bias"], other["3.bias"])
    assert not torch.equal(one["0.weight"], other["0.weight"])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_stored_weights_replace_the_initial_ones(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    stored = made(seed=7).state_dict()
    save_file(stored, file)
    loaded = made(weights=str(file))
    assert all(torch.equal(tensor, stored[name]) for name, tensor in loaded.state_dict().items())
    assert not loaded.training


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match="nothing at /no/such/file"):
        made(weights="/no/such/file.safetensors")


def test_a_file_is_what_makes_it_pretrained() -> None:
    assert not Mixed().pretrained
    assert Mixed(weights="trained.safetensors").pretrained


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match=r"Mixed\.seed"):
        Mixed(seed=-1)
