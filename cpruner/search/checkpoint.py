"""A search on disk, written after every update and when it breaks off, so that it can go on as if nothing had been."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from cpruner.env import Judgement, pack
from cpruner.errors import CheckpointError
from cpruner.search.result import Update

FILE = "checkpoint.pt"


@dataclass(frozen=True)
class Checkpoint:
    """State after an update, and what was judged since.

    Args:
        identity: What search this is; another search refuses it.
        archive: Judgements so far, those of a last batch that was too small for an update, or broken off, included.
        updates: Updates so far.
        agent: ``agent.state_dict()`` after the last update.
    """

    identity: Mapping[str, Any]
    archive: tuple[Judgement, ...]
    updates: tuple[Update, ...]
    agent: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write atomically.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        state = {
            "identity": dict(self.identity),
            "archive": [pack(judgement) for judgement in self.archive],
            "updates": [asdict(update) for update in self.updates],
            "agent": dict(self.agent),
        }
        part = path.with_suffix(".part")
        try:
            torch.save(state, part)
            os.replace(part, path)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(f"checkpoint: expected a writable folder, got {path.parent} ({error}).") from error

    @classmethod
    def load(cls, path: Path, identity: Mapping[str, Any], unpack: Callable[[Any], Judgement]) -> "Checkpoint":
        """Read back, refusing the checkpoint of another search. Nothing is unpickled but tensors and plain values.

        Args:
            path: The checkpoint file.
            identity: What this search is.
            unpack: Makes a judgement of the network at hand from plain data.

        Raises:
            CheckpointError: Missing, damaged, or of another model, budget, agent or seed.
        """
        if not path.is_file():
            raise CheckpointError(
                f"checkpoint: expected {path}, got no such file. Give the folder of an interrupted search."
            )
        try:
            state = torch.load(path, weights_only=True)
            found = dict(state["identity"])
        except Exception as error:
            raise _damaged(path, error) from error
        for key, value in identity.items():
            if found.get(key) != value:
                raise CheckpointError(
                    f"checkpoint {path}: expected {key} = {value!r}, got {found.get(key)!r}. "
                    "It belongs to another search: resume with the same options, or start anew without search.resume."
                )
        try:
            return cls(
                identity=found,
                archive=tuple(unpack(item) for item in state["archive"]),
                updates=tuple(Update(**item) for item in state["updates"]),
                agent=dict(state["agent"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    why = f"{type(error).__name__}: {error}".splitlines()[0]
    return CheckpointError(
        f"checkpoint: expected {path} as written by a search, got {why}. Use an undamaged copy, or start anew."
    )
