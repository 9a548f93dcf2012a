"""The shared CIFAR-10 images and weights as session fixtures; where they are absent, their tests are skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARDS = 1  # 5,000 training images and all 10,000 test images


def _shared(part: str) -> Path:
    """Return a path in the shared folder: ``$CPRUNER_SHARED``, else ``shared`` beside the repository."""
    root = Path(os.environ.get("CPRUNER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (root / part).exists():
        pytest.skip(f"{root / part} is absent; set CPRUNER_SHARED to the folder with data/ and weights/")
    return root / part


@pytest.fixture(scope="session")
def cifar_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CIFAR-10 as one .npz: x_train (5,000 images), y_train, x_test (all 10,000), y_test; unpacked once per session."""
    script = _shared("data/cifar10/unpack.py")
    out = tmp_path_factory.mktemp("cifar10") / "cifar10.npz"
    subprocess.run([sys.executable, str(script), str(out), "--shards", str(SHARDS)], check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """Folder with ``resnet20-cifar10.safetensors`` and ``resnet56-cifar10.safetensors``."""
    return _shared("weights")
