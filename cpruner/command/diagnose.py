"""``cpruner diagnose RUN_DIR [SEARCH]``: warnings on a search, and how well its observations predict the return."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from cpruner.cmdp import Episode
from cpruner.command.certificate import write
from cpruner.command.recorded import recorded
from cpruner.env import entry_names
from cpruner.errors import InputError
from cpruner.history import History, Run
from cpruner.report import Probe, probe, render_probe, search_warnings
from cpruner.screen import RANDOM, warning_text
from cpruner.settings import AGENT

PROBE = "probe.json"
_SAME = 2  # decimals to which actions of one candidate agree


def diagnose(arguments: Sequence[str], console: Console, stored: Callable[[Path], str | None]) -> Probe:
    """Show the warnings on a search and probe its episodes; writes ``probe.json`` into the run directory.

    Args:
        arguments: A run directory, and the name of a search in it: the agent's by default.
        console: Where to write.
        stored: From a run directory to the history file of its run; None if it kept none.

    Raises:
        InputError: The arguments are others, the run kept no episodes, or too few.
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
    for warning in search_warnings(found.history, len(found.history.accuracy), reference=reference):
        console.print(warning_text(warning))
    episodes = _episodes(stored(run_dir), run_dir, search)
    outcome = probe_episodes(episodes, _names(episodes, found.constraints))
    write(run_dir / PROBE, {"search": search, **dataclasses.asdict(outcome)})
    console.print(render_probe(outcome))
    console.print(f"written to {run_dir / PROBE}", highlight=False, soft_wrap=True)
    return outcome


def _episodes(store: str | None, run_dir: Path, search: str) -> tuple[Episode, ...]:
    """All episodes of a search, from the history of its run."""
    runs: list[Run] = []
    if store is not None and Path(store).is_file():
        history, folder = History(store), str(run_dir.resolve())
        runs = [run for run in history.runs() if (run.folder, run.name) == (folder, search)]
    if not runs:
        raise InputError(
            f"history of {run_dir}",
            expected="a file with the episodes of its searches",
            got="a run that kept none (past=none)" if store is None else f"no such run in {store}",
            remedy="Call cpruner where the run was started, or search again with past=kept.",
        )
    found = (evaluation.episode for evaluation in history.episodes(runs[-1]))
    return tuple(episode for episode in found if episode is not None)


def _names(episodes: Sequence[Episode], constraints: Sequence[str]) -> tuple[str, ...]:
    """Of the entries of their observations: the layout that has as many."""
    layouts = [entry_names(constraints, sensitivities=s, drawn=d) for s in (True, False) for d in (True, False)]
    return next((names for names in layouts if episodes and len(names) == episodes[0].observation_TO.shape[1]), ())


def probe_episodes(episodes: Sequence[Episode], names: Sequence[str]) -> Probe:
    """Probe whole episodes of one length.

    Args:
        episodes: Of one problem.
        names: Of the entries of an observation.

    Raises:
        InputError: They are too few, of different lengths, or end all alike.
    """
    if len({episode.observation_TO.shape for episode in episodes}) != 1:
        expected = "observations of whole episodes, all of one shape"
        got, remedy = "none" if not episodes else "several shapes", "Probe a search that has judged candidates."
        raise InputError("episodes", expected=expected, got=got, remedy=remedy)
    observation_NTO = np.stack([episode.observation_TO for episode in episodes])
    action_NB = np.stack([np.clip(episode.action_TA, 0.0, 1.0).ravel() for episode in episodes])
    group_N = np.unique(action_NB.round(_SAME), axis=0, return_inverse=True)[1].reshape(-1)
    return_N = np.array([episode.total_reward for episode in episodes])
    return probe(observation_NTO, return_N, group_N, names)
