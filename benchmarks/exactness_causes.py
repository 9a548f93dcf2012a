"""Why agents once missed the optimum of three tabular problems of ``exactness.py``: one option changed at a time.

    python benchmarks/exactness_causes.py     # --table: only print the file

``BEFORE`` are options under which nearly every algorithm with multipliers missed these problems. ``Clipped`` plays
them with three seeds of its own, so that a difference is not that of one draw. Over the last third of the updates:

- missed: the gap to the reward of the linear program; where no policy meets the limit, the violation that is left
  beyond the least possible;
- slack: the largest share of a limit that is left unused although its true multiplier is not 0;
- lagrangian: how far the reward less the costs at their true multipliers is from its optimum, relative to the reward
  of the linear program. If it is small and the gap is not, every action is a best one for these prices, and wrong is
  how often which is taken;
- first: the largest multiplier of the first update.

And of all problems that ``exactness.py`` plays, how much of the optimal reward all limits together are worth, relative
to the limits: by how many percent the optimum moves with limits that move by one percent.

Writes benchmarks/results/exactness_causes.json.
"""

import argparse
import itertools
import json
import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from exactness import ALGORITHMS, Course, course, facts, pose
from measure import record as files

from cpruner.agent import PID
from cpruner.cmdp import Array
from cpruner.testing import TabularCMDP

PROBLEMS = {"two": 2, "inactive": 4, "infeasible": 3}
UPDATES = {"two": 120, "inactive": 50, "infeasible": 50}
BEFORE: dict[str, Any] = {"episodes_per_update": 64, "multiplier": PID(kp=10.0, ki=1.0, cap=10.0)}
CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "256 episodes": {"episodes_per_update": 256},
    "3 times the updates": {"times": 3},
    "smaller gains": {"multiplier": PID(kp=2.0, ki=0.2, cap=10.0, init=0.0)},
    "critic: 40 steps of 0.1": {"critic_lr": 0.1, "critic_epochs": 40},
    "no critic": {"baseline": "batch"},
    "entropy bonus 0.01": {"entropy": 0.01},
    "cap 40, 3 times the updates": {"multiplier": PID(kp=10.0, ki=1.0, cap=40.0), "times": 3},
}
SEEDS = range(3)


def lagrangian(env: TabularCMDP, reward: float, cost_K: Array) -> tuple[float, float]:
    """What is missing of the Lagrangian at the true multipliers, and the largest slack of a limit that has a price."""
    best = env.solve()
    over_K = cost_K - env.problem.limits
    missing = (best.reward - (reward - float(best.multiplier_K @ over_K))) / best.reward
    slack_K = (-over_K / env.problem.limits)[best.multiplier_K > 1e-6]
    return missing, float(slack_K.max(initial=0.0))


def leverage(env: TabularCMDP) -> float:
    """Percent of the optimal reward per percent of all limits: sum_k lambda_k d_k / J_r."""
    best = env.solve()
    return float(best.multiplier_K @ env.problem.limits) / best.reward


def measured(kind: str, change: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The numbers of one run."""
    options = {**BEFORE, **change}
    updates = UPDATES[kind] * options.pop("times", 1)
    update = replace(ALGORITHMS["clipped"], entropy=options.pop("entropy", 0.0))  # type: ignore[type-var]
    env, least = pose(kind, PROBLEMS[kind])
    taken: Course = course(update, env, seed, updates, **options)
    row = facts(taken, env, least)
    shown: dict[str, Any] = {"missed": row["violation" if least else "gap"], "seconds": row["seconds"]}
    shown |= {"first": max(taken.stats_U[0].multipliers), "priced": row.get("priced")}
    if not least:
        last = updates // 3
        shown["lagrangian"], shown["slack"] = lagrangian(
            env, float(taken.reward_U[-last:].mean()), taken.cost_UK[-last:].mean(axis=0)
        )
    return shown


def markdown(record: Mapping[str, Any]) -> str:
    """One row per change, one column per problem: median (worst) of what was missed, in percent."""
    names = [f"`{kind}`, seed {seed}" for kind, seed in record["problems"].items()]
    lines = [f"| changed | {' | '.join(names)} |", f"|{'---|' * (len(names) + 1)}"]
    for change, kinds in record["changes"].items():
        cells = []
        for rows in kinds.values():
            missed = [100.0 * row["missed"] for row in rows.values()]
            cells.append(f"{statistics.median(missed):.1f} ({max(missed, key=abs):.1f})")
        lines.append(f"| {change} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="only print the table of the file")
    path = files.RESULTS / "exactness_causes.json"
    if parser.parse_args().table:
        print(markdown(json.loads(path.read_text(encoding="utf-8"))))
        return
    torch.set_num_threads(1)
    changes: dict[str, dict[str, dict[str, Any]]] = {name: {kind: {} for kind in PROBLEMS} for name in CHANGES}
    for (name, change), kind, seed in itertools.product(CHANGES.items(), PROBLEMS, SEEDS):
        changes[name][kind][str(seed)] = row = measured(kind, change, seed)
        print(f"{name}, {kind}, {seed}: {', '.join(f'{key} {value}' for key, value in row.items())}", flush=True)
    record = files.environment("cvxpy", "highspy") | {"task": "exactness_causes", "before": repr(BEFORE)}
    record |= {"problems": PROBLEMS, "updates": UPDATES, "options": {name: repr(of) for name, of in CHANGES.items()}}
    record["leverage"] = {kind: [leverage(pose(kind, seed)[0]) for seed in range(5)] for kind in ("one", "two")}
    record["changes"] = changes
    files.replace({path: json.dumps(record, indent=1) + "\n"})
    print(markdown(record))


if __name__ == "__main__":
    main()
