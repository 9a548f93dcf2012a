import platform
from importlib import metadata

import pytest
import torch

from cpruner.report import device_name, versions
from cpruner.report.environment import _processor


def test_versions_of_what_matters():
    found = versions()
    assert {"python", "torch", "numpy", "cpruner"} <= set(found)
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__
    assert type(found["torch"]) is str


def test_source_tree_without_installation(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert versions()["cpruner"] == "unknown"


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_cpu_is_named_with_its_threads(device):
    assert f"({torch.get_num_threads()} threads, " in device_name(device)
    assert not device_name(device).startswith("(")


def test_other_devices_keep_their_name():
    assert device_name("meta") == "meta"


def test_processor_from_the_kernels_table(tmp_path):
    table = tmp_path / "cpuinfo"
    table.write_text("processor : 0\nmodel name\t: Fast Chip 9000\nmodel name\t: Other\n", encoding="utf-8")
    assert _processor(table) == "Fast Chip 9000"
    assert _processor(tmp_path / "missing") == (platform.processor() or platform.machine())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_is_named():
    assert device_name("cuda") == torch.cuda.get_device_name()
