import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cpruner.errors import InputError
from cpruner.model.prepared import prepared


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.Conv2d(64, 64, 3, groups=64), nn.Linear(200, 300))


def test_initial_weights_have_variance_two_over_fan_in() -> None:
    made = prepared(network, seed=0, weights=None)
    for name, fan_in in (("0", 32 * 9), ("2", 9), ("3", 200)):
        weight = made.get_parameter(f"{name}.weight")
        assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.08)
    assert torch.equal(made.get_parameter("1.weight"), torch.ones(64))


def test_the_seed_decides_and_the_caller_s_numbers_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    one, again, other = (prepared(network, seed=seed, weights=None).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["3.bias"], other["3.bias"])
    assert not torch.equal(one["0.weight"], other["0.weight"])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_stored_weights_replace_the_initial_ones(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    stored = prepared(network, seed=7, weights=None).state_dict()
    save_file(stored, file)
    loaded = prepared(network, seed=0, weights=str(file))
    assert all(torch.equal(tensor, stored[name]) for name, tensor in loaded.state_dict().items())
    assert not loaded.training


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match="nothing at /no/such/file"):
        prepared(network, seed=0, weights="/no/such/file.safetensors")
