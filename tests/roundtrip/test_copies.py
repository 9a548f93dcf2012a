"""A smaller network is copied, saved and restored like any other module."""

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from few import few
from smaller import NAMES, STATING, Pruned, pruned
from torch import nn

from cpruner.candidate import load, materialise, save_artefact
from cpruner.space import tensors_of


def same(network: nn.Module, case: Pruned) -> bool:
    """Whether a network computes what the case's does, to the last bit."""
    with torch.no_grad():
        results, expected = tensors_of(network(*case.inputs)), tensors_of(case.small(*case.inputs))
    return all(torch.equal(one, two) for one, two in zip(results, expected, strict=True))


def pointers(network: nn.Module) -> set[int]:
    return {t.data_ptr() for t in (*network.parameters(), *network.buffers()) if t.numel()}


@pytest.mark.parametrize("name", few(NAMES))
def test_a_deep_copy_computes_the_same_in_memory_of_its_own(name: str) -> None:
    case = pruned(name)
    twin = copy.deepcopy(case.small)
    assert same(twin, case)
    assert type(twin) is type(case.small)
    assert not pointers(twin) & (pointers(case.small) | pointers(case.model))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert not same(twin, case)
    assert same(case.small, case)


@pytest.mark.parametrize("name", few(NAMES))
def test_a_state_dict_fits_another_network_of_the_candidate(name: str) -> None:
    case = pruned(name)
    other = materialise(case.model, case.candidate)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    file = io.BytesIO()
    torch.save(case.small.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert same(other, case)
    assert case.small.state_dict().keys() == case.model.state_dict().keys()


@pytest.mark.parametrize("name", STATING)
def test_a_run_directory_restores_it(name: str, tmp_path: Path) -> None:
    case = pruned(name)
    save_artefact(tmp_path, case.small, case.candidate)
    fresh = copy.deepcopy(case.model)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.zero_()
    assert same(load(tmp_path, lambda: fresh), case)


@pytest.mark.parametrize("name", few(NAMES))
def test_a_pickled_module_comes_back(name: str) -> None:
    case = pruned(name)
    twin = pickle.loads(pickle.dumps(case.small))  # noqa: S301 -- our own bytes
    assert same(twin, case)
    assert same(copy.deepcopy(twin), case)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATING)
def test_a_saved_module_computes_the_same_in_a_fresh_process(name: str, tmp_path: Path) -> None:
    case = pruned(name)
    torch.save(case.small, tmp_path / "network.pt")
    torch.save(case.inputs, tmp_path / "inputs.pt")
    code = (
        "import torch; torch.set_num_threads(1); load = lambda n: torch.load(n, weights_only=False); "
        "network, inputs = load('network.pt'), load('inputs.pt'); torch.save(network(*inputs), 'results.pt')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with torch.no_grad():
        for result, expected in zip(
            tensors_of(torch.load(tmp_path / "results.pt")), tensors_of(case.small(*case.inputs)), strict=True
        ):
            assert torch.equal(result, expected)
