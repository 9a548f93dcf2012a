from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cpruner.errors import InputError
from cpruner.model import load_weights


def _network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))


def _saved(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    file = folder / "weights.safetensors"
    save_file(tensors, file)
    return file


def test_round_trip(tmp_path: Path) -> None:
    wanted = {name: torch.full_like(tensor, 7) for name, tensor in _network().state_dict().items()}
    network = _network()
    load_weights(network, _saved(tmp_path, wanted))
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in network.state_dict().items())


def test_step_counters_of_batch_norm_may_be_missing(tmp_path: Path) -> None:
    tensors = _network().state_dict()
    del tensors["1.num_batches_tracked"]
    network = _network()
    load_weights(network, str(_saved(tmp_path, tensors)))
    assert torch.equal(network.state_dict()["0.weight"], tensors["0.weight"])


def test_other_precision_is_cast(tmp_path: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in _network().state_dict().items() if tensor.is_floating_point()}
    network = _network()
    load_weights(network, _saved(tmp_path, tensors))
    assert network.state_dict()["0.weight"].dtype == torch.float32


def test_differences_are_named_and_nothing_is_changed(tmp_path: Path) -> None:
    tensors = _network().state_dict()
    del tensors["0.weight"]
    tensors["1.bias"] = torch.zeros(5)
    tensors["head.weight"] = torch.zeros(1)
    network = _network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    expected = r"no 0\.weight; an unknown head\.weight; 1\.bias of shape \(5,\) instead of \(2,\)"
    with pytest.raises(InputError, match=expected):
        load_weights(network, _saved(tmp_path, tensors))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_only_the_first_differences_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="and 4 more"):  # six names missing, one unknown, three shown
        load_weights(_network(), _saved(tmp_path, {"x": torch.zeros(1)}))


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing at"):
        load_weights(_network(), tmp_path / "none.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"not a header")
    with pytest.raises(InputError, match="Fetch the file again"):
        load_weights(_network(), damaged)
