"""How well what the agent sees predicts the return, with and without the predictions of the surrogate.

    python benchmarks/observation.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Episodes are those of random choices and of PPO-Lagrangian from scratch at half the FLOPs. Linear probes are fitted at
every step, and one for all steps, which is what a linear critic could know (see docs/diagnostics.md); R^2 is that on
episodes left out. Writes benchmarks/results/observation_<task>.json.
"""

import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from measure.entry import Entry
from measure.record import RESULTS, environment, replace
from measure.task import job_of, parser
from rich.console import Console
from rich.table import Table
from search import one, prepared

from cpruner.agent import Random, ppo_lagrangian
from cpruner.cmdp import Episode
from cpruner.command import Job
from cpruner.command.diagnose import probe_episodes
from cpruner.env import entry_names
from cpruner.history import History, Past
from cpruner.prepared import Prepared

HALF = "constraint=[flops]"
PLAYERS = {"random": Entry(Random()), "ppo_lagrangian": Entry(ppo_lagrangian())}


def played(ready: Prepared, job: Job, entry: Entry) -> list[Episode]:
    """The episodes of a search, from its history."""
    with TemporaryDirectory() as folder:
        past = Past(store=str(Path(folder) / "history.sqlite"))
        one(ready, job, entry, 0, past)
        history = History(str(past.store))
        found = (evaluation.episode for evaluation in history.episodes(history.runs()[0]))
        return [episode for episode in found if episode is not None]


def without(episode: Episode, entries: list[int]) -> Episode:
    """The episode of somebody who did not see some entries."""
    kept = [entry for entry in range(episode.observation_TO.shape[1]) if entry not in entries]
    return Episode(episode.observation_TO[:, kept], episode.action_TA, episode.reward_T, episode.cost_TK)


def probed(episodes: list[Episode], constraints: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """R^2 with every entry, and without the predicted losses."""
    names, plain = entry_names(constraints), entry_names(constraints, sensitivities=False)
    foreseen = [number for number, name in enumerate(names) if name not in plain]
    views = {"with predictions": (episodes, names)}
    views["without"] = ([without(episode, foreseen) for episode in episodes], plain)
    found = {}
    for view, (seen, entries) in views.items():
        outcome = probe_episodes(seen, entries)
        heaviest = max(outcome.weight, key=lambda name: outcome.weight[name])
        found[view] = {
            "distinct": outcome.distinct,
            "r2_T": outcome.r2_T,
            "pooled_r2": outcome.pooled_r2,
            "heaviest": heaviest,
            "weight": outcome.weight[heaviest],
        }
    return found


def markdown(records: list[tuple[str, dict[str, Any]]]) -> str:
    """The table of the documentation."""
    lines = [
        "| network | episodes | the agent sees | R² in the middle | R² before the last step | R² of one probe |",
        "|---|---|---|---|---|---|",
    ]
    for task, record in records:
        for player, views in record["players"].items():
            for view, row in views.items():
                steps = row["r2_T"]
                shown = (steps[len(steps) // 2], steps[-1], row["pooled_r2"])
                cells = [task, f"{row['distinct']} of {player}", view, *(f"{value:.2f}" for value in shown)]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--evaluations", type=int, default=200)
    options = accepted.parse_args()
    job = job_of(options, HALF, f"search.evaluations={options.evaluations}")
    torch.set_num_threads(options.threads)
    ready, _ = prepared(job)
    players: dict[str, Any] = {}
    shown = Table("episodes of", "the agent sees", "R2, mean of steps", "R2 of one probe", title=options.task)
    for player, entry in PLAYERS.items():
        players[player] = probed(played(ready, job, entry), tuple(reading.name for reading in ready.dense))
        for view, row in players[player].items():
            shown.add_row(player, view, f"{statistics.mean(row['r2_T']):.2f}", f"{row['pooled_r2']:.2f}")
    record = {"task": options.task, **environment(), "players": players}
    replace({RESULTS / f"observation_{options.task}.json": json.dumps(record, indent=1) + "\n"})
    Console().print(shown)


if __name__ == "__main__":
    main()
