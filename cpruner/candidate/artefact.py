"""A smaller network on disk, without pickle: ``candidate.json`` and ``weights.safetensors``."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from cpruner.candidate.candidate import Candidate
from cpruner.candidate.surgery import materialise
from cpruner.errors import ArtefactError

CANDIDATE, WEIGHTS = "candidate.json", "weights.safetensors"


def save_artefact(directory: str | Path, network: nn.Module, candidate: Candidate) -> None:
    """Write the two files; neither is replaced before both are complete.

    Args:
        directory: Created if missing.
        network: The materialised (and possibly fine-tuned) network.
        candidate: The candidate it was made from.

    Raises:
        ArtefactError: The directory cannot be written.
    """
    folder = Path(directory)
    parts = (folder / f"{WEIGHTS}.part", folder / f"{CANDIDATE}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_model(network, str(parts[0]))
        parts[1].write_text(candidate.to_json(), encoding="utf-8")
        os.replace(parts[0], folder / WEIGHTS)
        os.replace(parts[1], folder / CANDIDATE)
    except (OSError, SafetensorError) as error:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink()
        raise ArtefactError(
            f"run directory: expected a writable folder, got {folder} ({error}). Choose another."
        ) from error


def load_candidate(directory: str | Path) -> Candidate:
    """Read ``candidate.json``.

    Raises:
        ArtefactError: Missing or damaged.
    """
    path = Path(directory) / CANDIDATE
    if not path.is_file():
        raise ArtefactError(f"run directory: expected {path}, got no such file. Give the folder of a finished run.")
    return Candidate.from_json(path.read_bytes())


def load(directory: str | Path, model_factory: Callable[[], nn.Module]) -> nn.Module:
    """Restore a pruned network.

    Args:
        directory: A run directory with ``candidate.json`` and ``weights.safetensors``.
        model_factory: Builds the dense network (any weights).

    Returns:
        The smaller network with its saved weights, in eval mode.

    Raises:
        ArtefactError: A file is missing or damaged, or belongs to another model.
    """
    candidate = load_candidate(directory)
    path = Path(directory) / WEIGHTS
    if not path.is_file():
        raise ArtefactError(f"run directory: expected {path}, got no such file. Give the folder of a finished run.")
    network = materialise(model_factory(), candidate)
    try:
        load_model(network, str(path), strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise ArtefactError(f"{path}: expected the weights of this model and candidate, got {error}") from error
    return network.eval()
