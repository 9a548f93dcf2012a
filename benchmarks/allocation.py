"""Agents on synthetic allocation problems whose optimum is known: how much of it is missed after 200 episodes.

    python benchmarks/allocation.py
    python benchmarks/allocation.py --unseen                      # the same kinds of problem, drawn anew

Prints one row per agent (median and quartiles of the gap to the optimum, in thousandths of the reward) and writes
benchmarks/results/allocation.json. The defaults of PPO-Lagrangian were chosen on these very problems, so its row is
optimistic; --unseen draws others and writes allocation_unseen.json. What the agents do on networks is measured by
benchmarks/search.py.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from measure.record import RESULTS, replace
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cpruner.agent import CrossEntropy, Random, ppo_lagrangian
from cpruner.cmdp import AgentSpec
from cpruner.report import device_name, versions
from cpruner.search.rollout import play
from cpruner.testing import Allocation

AGENTS: dict[str, AgentSpec] = {
    "random": Random(),
    "cross_entropy": CrossEntropy(),
    "ppo_lagrangian": ppo_lagrangian(),
}
PROBLEMS: dict[str, dict[str, Any]] = {
    "coupled 12 a": {"seed": 0},
    "coupled 12 b": {"seed": 1},
    "coupled 12 c": {"seed": 2},
    "coupled 8": {"groups": 8, "seed": 8},
    "coupled 20": {"groups": 20, "seed": 6},
    "coupled 12, tight, noisy": {"limit": 0.3, "noise": 0.005, "seed": 9},
    "additive 12": {"coupled": False, "seed": 4},
    "additive 12, noisy": {"coupled": False, "noise": 0.01, "seed": 5},
    "additive 20, noisy": {"coupled": False, "groups": 20, "noise": 0.01, "seed": 7},
}
UNSEEN = 100  # added to the seeds of the problems
SCALE = 1000  # gaps are printed in thousandths
NOTES = {
    False: "The defaults of ppo_lagrangian were chosen on these problems: its row is optimistic.",
    True: "No default was chosen on these problems.",
}


def gap(env: Allocation, optimum: float, spec: AgentSpec, seed: int, episodes: int) -> float | None:
    """Optimum minus the best feasible choice tried, both without noise; None if no choice was feasible."""
    env.reset(seed=1000 * seed + 7)
    agent = spec.build(env.problem, seed)
    best, played = None, 0
    while played < episodes:
        wanted = min(agent.episodes_per_update, episodes - played)
        batch = [play(env, agent) for _ in range(wanted)]
        for ratio_T in (np.clip(episode.action_TA[:, 0], 0.0, 1.0) for episode in batch):
            if env.cost(ratio_T) <= 1.0:
                best = max(env.reward(ratio_T), -np.inf if best is None else best)
        if wanted == agent.episodes_per_update:
            agent.update(batch)
        played += wanted
    return None if best is None else SCALE * (optimum - best)


def summary(gaps: Iterable[float | None]) -> dict[str, float | int | None]:
    """Median and quartiles; a run without a feasible choice counts as worse than all others, and null is such a gap."""
    values = [np.inf if value is None else value for value in gaps]
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75), method="nearest").tolist()
    found = [value for value in values if np.isfinite(value)]
    return {
        "median": median if np.isfinite(median) else None,
        "lower_quartile": lower if np.isfinite(lower) else None,
        "upper_quartile": upper if np.isfinite(upper) else None,
        "mean_of_feasible": statistics.mean(found) if found else None,
        "none_feasible": len(values) - len(found),
        "runs": len(values),
    }


def problems(unseen: bool) -> dict[str, dict[str, Any]]:
    """Options of every problem."""
    return {name: {**given, "seed": given["seed"] + unseen * UNSEEN} for name, given in PROBLEMS.items()}


def measured(name: str, posed: dict[str, dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """All problems and seeds of one agent."""
    start, console = time.perf_counter(), Console()
    gaps: dict[str, list[float | None]] = {}
    optima = {problem: Allocation(**given).solve()[1] for problem, given in posed.items()}
    jobs = [(problem, seed) for problem in posed for seed in range(options.seeds)]
    for problem, seed in track(jobs, name, console=console, disable=not console.is_terminal):
        env = Allocation(**posed[problem])
        gaps.setdefault(problem, []).append(gap(env, optima[problem], AGENTS[name], seed, options.episodes))
    return {
        "agent": repr(AGENTS[name]),
        **summary(value for values in gaps.values() for value in values),
        "gaps": gaps,
        "seconds": time.perf_counter() - start,
    }


def table(record: dict[str, Any]) -> Table:
    """One row per agent."""
    title = f"gap to the optimum x {SCALE}, {len(PROBLEMS)} problems, {record['seeds']} seeds"
    shown = Table("agent", "median", "quartiles", "mean of feasible", "none feasible", "seconds", title=title)
    for name, row in record["agents"].items():
        keys = ("median", "lower_quartile", "upper_quartile", "mean_of_feasible")
        median, lower, upper, mean = ("-" if row[key] is None else f"{row[key]:.1f}" for key in keys)
        none = f"{row['none_feasible']} of {row['runs']}"
        shown.add_row(name, median, f"{lower} .. {upper}", mean, none, f"{row['seconds']:.0f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--agents", nargs="*", default=list(AGENTS), choices=list(AGENTS))
    parser.add_argument("--unseen", action="store_true", help="other problems of the same kinds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    posed = problems(options.unseen)
    record = {
        "task": "allocation",
        "note": NOTES[options.unseen],
        "versions": versions(),
        "device": device_name("cpu"),
        "threads": torch.get_num_threads(),
        "seeds": options.seeds,
        "episodes": options.episodes,
        "unit": f"1/{SCALE} of the reward",
        "problems": posed,
        "agents": {name: measured(name, posed, options) for name in options.agents},
    }
    replace({RESULTS / f"allocation{'_unseen' if options.unseen else ''}.json": json.dumps(record, indent=1) + "\n"})
    Console().print(table(record))


if __name__ == "__main__":
    main()
