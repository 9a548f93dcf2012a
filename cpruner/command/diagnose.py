"""``cpruner diagnose RUN_DIR [SEARCH]``: warnings on a search, and how well its observations predict the return."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from cpruner.cmdp import Episode
from cpruner.command.certificate import write
from cpruner.command.recorded import recorded
from cpruner.errors import InputError
from cpruner.history import History
from cpruner.report import Probe, probe, render_probe, search_warnings
from cpruner.screen import RANDOM, warning_text
from cpruner.settings import AGENT

PROBE = "probe.json"
_SAME = 2  # decimals to which actions of one candidate agree
_FIXED = (
    "position",
    *(f"{wave} of {k} half turn{'s' if k > 1 else ''}" for k in (1, 2, 4, 8) for wave in ("sin", "cos")),
    "log2 of channels",
    "share of FLOPs",
    "share of parameters",
    "previous action",
    "mean ratio so far",
)


def diagnose(arguments: Sequence[str], console: Console, stored: Callable[[Path], str | None]) -> Probe:
    """Show the warnings on a search and probe its episodes; writes ``probe.json`` into the run directory.

    Args:
        arguments: A run directory, and the name of a search in it: the agent's by default.
        console: Where to write.
        stored: From a run directory to the history file of its run; None if it kept none.

    Raises:
        InputError: The arguments are others, or there are too few episodes.
        ArtefactError: The directory is not that of a run with such a search.
    """
    if len(arguments) not in (1, 2):
        got = " ".join(arguments) or "nothing"
        expected = "a run directory, and perhaps the name of a search in it"
        raise InputError("diagnose", expected=expected, got=got, remedy="Try cpruner diagnose runs/cpruner/latest.")
    run_dir, search = Path(arguments[0]), arguments[1] if len(arguments) > 1 else AGENT
    found = recorded(run_dir, search)
    has_random = search == AGENT and (run_dir / "search" / f"{RANDOM}.pt").is_file()
    reference = recorded(run_dir, RANDOM).history if has_random else None
    for warning in search_warnings(found.history, len(found.history.reward), reference=reference):
        console.print(warning_text(warning))
    episodes = _kept(stored(run_dir), run_dir, search) or found.episodes
    outcome = probe_episodes(episodes, found.constraints)
    write(run_dir / PROBE, {"search": search, **dataclasses.asdict(outcome)})
    console.print(render_probe(outcome))
    console.print(f"written to {run_dir / PROBE}", highlight=False, soft_wrap=True)
    return outcome


def _kept(store: str | None, run_dir: Path, search: str) -> tuple[Episode, ...]:
    """All episodes of a search, from the history."""
    if store is None or not Path(store).is_file():
        return ()
    history = History(store)
    folder = str(run_dir.resolve())
    runs = [run for run in history.runs() if (run.folder, run.name) == (folder, search)]
    kept = [evaluation.episode for run in runs[-1:] for evaluation in history.episodes(run)]
    return tuple(episode for episode in kept if episode is not None)


def probe_episodes(episodes: Sequence[Episode], constraints: Sequence[str] = ()) -> Probe:
    """Probe whole episodes of one length.

    Args:
        episodes: Of one problem.
        constraints: Names of the budgets, for the names of the observation's entries.

    Raises:
        InputError: They are too few, of different lengths, or end all alike.
    """
    if len({episode.observation_TO.shape for episode in episodes}) != 1:
        expected = "observations of whole episodes, all of one shape"
        remedy = "Probe the search of an agent that remembers episodes: on-policy and off-policy agents do."
        raise InputError("episodes", expected=expected, got="none" if not episodes else "several shapes", remedy=remedy)
    observation_NTO = np.stack([episode.observation_TO for episode in episodes])
    action_NB = np.stack([np.clip(episode.action_TA, 0.0, 1.0).ravel() for episode in episodes])
    group_N = np.unique(action_NB.round(_SAME), axis=0, return_inverse=True)[1].reshape(-1)
    return_N = np.array([episode.total_reward for episode in episodes])
    return probe(observation_NTO, return_N, group_N, entry_names(observation_NTO.shape[2], constraints))


def entry_names(size: int, constraints: Sequence[str]) -> tuple[str, ...]:
    """Names of the entries of an observation, after ``env/observation.py``; numbers for any other layout."""
    ends = [f"{name} if the rest {does}" for does in ("stays dense", "goes to the lowest") for name in constraints]
    names = (*_FIXED, *ends, "share of the limits")  # the last where budgets are drawn
    return names[:size] if len(names) - 1 <= size <= len(names) else tuple(f"entry {number}" for number in range(size))
