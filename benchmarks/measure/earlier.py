"""Searches that are kept for others to learn from: one folder per seed, with its history and its checkpoint."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cpruner.history import Past

HISTORY, SOURCE = "history.sqlite", "source.json"


@dataclass(frozen=True)
class Earlier:
    """A folder of kept searches.

    Args:
        folder: Where they are.
    """

    folder: Path

    def keep(self, source: Mapping[str, Any]) -> None:
        """Say what the searches are of that will be kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / SOURCE).write_text(json.dumps(source) + "\n")

    @property
    def source(self) -> dict[str, Any]:
        """What the searches are of."""
        read: dict[str, Any] = json.loads((self.folder / SOURCE).read_text())
        return read

    def kept(self, seed: int) -> tuple[Path, Past]:
        """Where a search is to be kept: its run directory, and the history that records it."""
        run_dir = self.folder / str(seed)
        run_dir.mkdir(parents=True, exist_ok=True)
        (run_dir / HISTORY).unlink(missing_ok=True)
        return run_dir, Past(store=str(run_dir / HISTORY))

    @contextmanager
    def past(self, seed: int, options: Mapping[str, Any]) -> Iterator[Past]:
        """What a search takes over from the one of the same seed, of a copy: it may not teach those that come later.

        Judgements are not taken over: all entries judge everything themselves.
        """
        run_dir = self.folder / str(seed)
        given = dict(options)
        if "policy" in given:
            given["policy"] = str(run_dir / "search" / given["policy"])
        with TemporaryDirectory() as folder:
            store = shutil.copy(run_dir / HISTORY, folder)
            yield Past(store=str(store), judgements=False, **given)
