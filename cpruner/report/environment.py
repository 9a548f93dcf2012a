"""Environment: what a result was made with and on."""

import os
import platform
from importlib import metadata
from pathlib import Path

import numpy as np
import torch


def versions() -> dict[str, str]:
    """Versions of python, torch, numpy and cpruner, and of CUDA where torch has it."""
    found = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}
    try:
        found["cpruner"] = metadata.version("cpruner")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        found["cpruner"] = "unknown"
    if torch.version.cuda is not None:
        found["cuda"] = torch.version.cuda
    return found


def device_name(device: str | torch.device) -> str:
    """Name of the chip behind a torch device.

    Args:
        device: Such as "cpu" or "cuda:0".

    Returns:
        Such as "NVIDIA H100 80GB HBM3" or "AMD EPYC 7B13 (8 threads, 64 cores)".
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return str(device)
    return f"{_processor()} ({torch.get_num_threads()} threads, {os.cpu_count()} cores)"


def _processor(table: Path = Path("/proc/cpuinfo")) -> str:
    if table.exists():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
