"""The folder into which datasets are downloaded."""

import os
from pathlib import Path


def data_cache() -> Path:
    """Return the download folder; it need not exist yet.

    Returns:
        ``$CPRUNER_CACHE`` if set, else ``$XDG_CACHE_HOME/cpruner`` if set, else ``~/.cache/cpruner``.
    """
    own = os.environ.get("CPRUNER_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "cpruner"
