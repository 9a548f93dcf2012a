"""On-policy agents on random tabular problems that a linear program solves exactly: how far from the optimum they end.

    python benchmarks/exactness.py
    python benchmarks/exactness.py --resume                        # only what the file does not have yet
    python benchmarks/exactness.py --table                         # only print what the file has, as Markdown

Every algorithm plays the same problems (``cpruner.testing.TabularCMDP``), five seeds of each kind: one active
constraint, two constraints (both active or one of them), one that is not active, and one that no policy meets. The
policy is a table, so it can be optimal, and it is valued exactly, without playing. After half of the updates steps and
gains become smaller (``fine``, ``FINE``). Over the last third of the updates:

- gap: reward of the linear program minus mean reward, relative to the former; negative where costs pass their limits;
- violation: largest mean cost over its limit, minus 1; where no policy meets the limits, minus the least possible too;
- oscillation: largest standard deviation of a cost over its limit;
- multiplier: the value of the program is concave and piecewise linear in the limits, so its multipliers jump at kinks,
  and a cost within 3 % of its limit cannot tell them apart. The error is the largest distance of a mean multiplier
  from the interval of the true ones for limits between 0.97 and 1.03 of what they are (at the centre, the edges and
  the corners), relative to the largest true one or to 1 if that is smaller;
- unmet: share of these updates in which the agent itself says that a limit cannot be met; from ``DETECTED`` on, the
  problem counts as infeasible;
- seconds: of one core, all updates together.

Prints a table (median and worst over the seeds) and writes benchmarks/results/exactness.json. The options were chosen
on problems of other seeds, 10 to 12; the tolerances before the five seeds were run.
"""

import argparse
import copy
import dataclasses
import itertools
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from measure.record import RESULTS, environment, replace
from rich.console import Console

from cpruner.agent import PID, Categorical, OnPolicy, Perceptron
from cpruner.agent.policy import Policy
from cpruner.agent.sequences import Sequences
from cpruner.agent.update import CUP, FOCOPS, P3O, Clipped, Constrained, PolicyGradient, TrustRegion, UpdateSpec
from cpruner.agent.warm_up import lockstep
from cpruner.cmdp import Array, Problem, UpdateStats
from cpruner.testing import TabularCMDP

ALGORITHMS: dict[str, UpdateSpec] = {
    "clipped": Clipped(lr=0.04, epochs=3, target_kl=0.02, clip=0.2),
    "policy_gradient": PolicyGradient(lr=0.04, steps=3),
    "trust_region": TrustRegion(radius=0.01, damping=0.01),
    "focops": FOCOPS(lr=0.04, epochs=3, radius=0.02),
    "cup": CUP(temperature=8.0, lr=0.03, epochs=6, projection_lr=0.03, projection_epochs=6),
    "constrained": Constrained(radius=0.01, damping=0.01),
    "p3o": P3O(lr=0.04, epochs=3, target_kl=0.02, clip=0.2, kappa=3.0),
}
COMMON: dict[str, Any] = {
    "multiplier": PID(kp=10.0, ki=1.0, cap=10.0),
    "policy": Categorical(levels=3, initial_mean=0.5, initial_std=10.0),
    "encoder": Perceptron(hidden=[]),
    "normalise_observations": False,
    "episodes_per_update": 64,
    "reuse": 1,
    "baseline": "critic",
    "critic_lr": 0.05,
    "critic_epochs": 3,
}
FINE: dict[str, Any] = {"multiplier": PID(kp=4.0, ki=1.0, cap=10.0)}  # the second half of the updates
KINDS: dict[str, dict[str, Any]] = {
    "one": {"constraints": 1},
    "two": {"constraints": 2},
    "inactive": {"constraints": 1, "tightness": -0.3},
    "infeasible": {"constraints": 1, "tightness": 1.0},
}
SIZE = {"states": 3, "actions": 3, "horizon": 4}
SHARE = 0.7  # an infeasible limit, of the least possible cost
UPDATES = {"one": 150, "two": 150, "inactive": 60, "infeasible": 60}
TOLERANCE = {"gap": 0.02, "violation": 0.03, "oscillation": 0.05, "multiplier": 0.3}
DETECTED = 0.95  # share of the last updates


@final
class OneHot:
    """A tabular problem that shows the pair of step and state, one-hot, so that a linear policy is a table."""

    def __init__(self, env: TabularCMDP, seed: int) -> None:
        self._many, self._states = env.many(seed), len(env.start_S)
        self.problem: Problem = dataclasses.replace(env.problem, observation_size=env.horizon * self._states)

    def reset(self, episodes: int) -> Array:
        """Begin N episodes."""
        return self._pair(self._many.reset(episodes))

    def step(self, action_NA: Array) -> tuple[Array, Array, Array, bool]:
        """One step of all."""
        seen_NO, reward_N, cost_NK, done = self._many.step(action_NA)
        return self._pair(seen_NO), reward_N, cost_NK, done

    def _pair(self, seen_NO: Array) -> Array:
        state_NS, step_NT = seen_NO[:, : self._states], seen_NO[:, self._states :]
        return np.asarray((step_NT[:, :, None] * state_NS[:, None, :]).reshape(len(seen_NO), -1))


@dataclass(frozen=True)
class Course:
    """What U updates made of a policy, valued exactly."""

    reward_U: Array
    cost_UK: Array
    stats_U: list[UpdateStats]
    seconds: float

    @property
    def last(self) -> int:
        """Number of the last updates that are looked at."""
        return len(self.reward_U) // 3


def pose(kind: str, seed: int) -> tuple[TabularCMDP, float]:
    """A problem and the least possible violation, per limit; 0 where limits can be met."""
    env = TabularCMDP(**SIZE, **KINDS[kind], seed=seed)
    if kind != "infeasible":
        return env, 0.0
    env.problem = dataclasses.replace(env.problem, limits=tuple(SHARE * limit for limit in env.problem.limits))
    return env, 1.0 / SHARE - 1.0


def table_of(policy: Policy, env: TabularCMDP) -> Array:
    """Probability of every action in every state at every step, shape (T, S, A)."""
    actions, rows = env.reward_SA.shape[1], env.horizon * len(env.start_S)
    with torch.no_grad():
        law = policy(Sequences(torch.eye(rows, dtype=torch.float64)[:, None], (1,) * rows))
        level_A = torch.linspace(0.0, 1.0, actions, dtype=torch.float64)
        chance_BA = torch.stack([law.log_prob(level.expand(rows, 1)).exp() for level in level_A], dim=1)
    return np.asarray(chance_BA.reshape(env.horizon, -1, actions).numpy())


def fine(update: UpdateSpec) -> UpdateSpec:
    """The same update with small steps: a quarter of the learning rates, or half the way in a trust region."""
    rates = {name: 0.25 * getattr(update, name) for name in ("lr", "projection_lr") if hasattr(update, name)}
    return dataclasses.replace(update, **(rates or {"radius": 0.25 * update.radius}))  # type: ignore[type-var,attr-defined]


def course(update: UpdateSpec, env: TabularCMDP, seed: int, updates: int, **options: Any) -> Course:
    """Learn on a problem, the second half of the updates finely, and value the policy after every update."""
    policy = dataclasses.replace(COMMON["policy"], levels=env.reward_SA.shape[1])
    coarse = OnPolicy(update=update, **{**COMMON, "policy": policy, **options})
    posed = OneHot(env, seed)
    start = time.process_time()
    agent = coarse.build(posed.problem, seed)
    shown = Policy(posed.problem, coarse.encoder, policy, torch.Generator())
    values, stats = [], []
    for number in range(updates):
        if number == updates // 2:
            state = agent.state_dict()
            agent = dataclasses.replace(coarse, update=fine(update), **{**FINE, **options}).build(posed.problem, seed)
            agent.load_state_dict(state)
        agent.begin()
        stats.append(agent.update(lockstep(posed, coarse.episodes_per_update, agent.act_all)))
        shown.load_state_dict(agent.state_dict()["policy"])
        values.append(env.value(table_of(shown, env)))
    reward_U, cost_UK = (np.array(column) for column in zip(*values, strict=True))
    return Course(reward_U, cost_UK, stats, time.process_time() - start)


def true_multipliers(env: TabularCMDP) -> tuple[Array, Array]:
    """Least and largest optimal multipliers for limits as near to the given ones as costs have to be, (K,) each."""
    near, width = copy.copy(env), TOLERANCE["violation"]
    found = []
    for factors in itertools.product((1.0 - width, 1.0, 1.0 + width), repeat=len(env.problem.limits)):
        limits = tuple(factor * limit for factor, limit in zip(factors, env.problem.limits, strict=True))
        near.problem = dataclasses.replace(env.problem, limits=limits)
        found.append(near.solve().multiplier_K)
    return np.min(found, axis=0), np.max(found, axis=0)


def unmet(stats: Sequence[UpdateStats], last: int) -> float:
    """Share of the last updates in which an agent says itself that a limit cannot be met.

    By a multiplier at its cap while costs exceed that limit; without multipliers, while costs exceed any, by a recovery
    step (CPO) or a penalty that an update has not removed (P3O).
    """
    said = []
    for at in (s.scalars for s in stats[-last:]):
        violated = [name.removeprefix("violation/") for name, v in at.items() if name.startswith("violation/") and v > 0]
        signs = [f"saturated/{name}" for name in violated] + ["recovery", "penalty"] * bool(violated)
        said.append(any(at.get(sign, 0.0) > 0.0 for sign in signs))
    return float(np.mean(said))


def facts(taken: Course, env: TabularCMDP, least: float) -> dict[str, Any]:
    """The numbers of one run; there is no optimum to compare with where no policy meets the limits."""
    last, limit_K = taken.last, np.array(env.problem.limits)
    reward, cost_K = float(taken.reward_U[-last:].mean()), taken.cost_UK[-last:].mean(axis=0)
    row: dict[str, Any] = {
        "violation": float((cost_K / limit_K - 1.0).max()) - least,
        "oscillation": float((taken.cost_UK[-last:].std(axis=0) / limit_K).max()),
        "unmet": unmet(taken.stats_U, last),
        "seconds": taken.seconds,
    }
    if least:
        return row
    best, (low_K, high_K) = env.solve(), true_multipliers(env)
    row |= {"gap": (best.reward - reward) / best.reward, "least": low_K.tolist(), "largest": high_K.tolist()}
    if taken.stats_U[-1].multipliers:
        lambda_K = np.mean([s.multipliers for s in taken.stats_U[-last:]], axis=0)
        error_K = np.maximum(np.maximum(low_K - lambda_K, lambda_K - high_K), 0.0)
        row |= {
            "multipliers": lambda_K.tolist(),
            "true_multipliers": best.multiplier_K.tolist(),
            "multiplier": float(error_K.max() / max(1.0, float(best.multiplier_K.max()))),
        }
    return row


def missed(row: Mapping[str, Any]) -> list[str]:
    """Which tolerances a run does not keep; to cost less than is allowed is no fault in itself."""
    sizes = {name: abs(row[name]) if name == "gap" else row[name] for name in TOLERANCE if name in row}
    return [name for name, size in sizes.items() if size > TOLERANCE[name]]


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Median and worst (of a gap: the largest either way) over the seeds, and how many runs keep all tolerances."""
    names = [name for name in (*TOLERANCE, "unmet", "seconds") if name in rows[0]]
    found: dict[str, Any] = {
        name: {
            "median": statistics.median(row[name] for row in rows),
            "worst": max((row[name] for row in rows), key=abs if name == "gap" else float),
        }
        for name in names
    }
    return {**found, "within": sum(not missed(row) for row in rows), "runs": len(rows)}


def markdown(record: Mapping[str, Any]) -> str:
    """One row per algorithm and kind of problem, and what tells the infeasible problems from the others."""
    header = ["algorithm", "problem", *TOLERANCE, "unmet", "within"]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for name, algorithm in record["algorithms"].items():
        for kind, found in algorithm["summary"].items():
            values = [found.get(column) for column in (*TOLERANCE, "unmet")]
            cells = [f"{100 * v['median']:.1f} ({100 * v['worst']:.1f})" if v else "" for v in values]
            lines.append(f"| {name} | {kind} | {' | '.join(cells)} | {found['within']} of {found['runs']} |")
    runs = [algorithm["runs"] for algorithm in record["algorithms"].values()]
    share: dict[bool, list[float]] = {True: [], False: []}
    for kind, rows in ((kind, rows) for kinds in runs for kind, rows in kinds.items()):
        share[kind == "infeasible"] += [row["unmet"] for row in rows.values()]
    met = [row for kinds in runs for rows in kinds.values() for row in rows.values() if not missed(row)]
    bounds = ", ".join(f"{name} {100 * bound:.0f}" for name, bound in record["tolerance"].items())
    seconds = sum(row["seconds"] for kinds in runs for rows in kinds.values() for row in rows.values())
    return "\n".join(
        [
            *lines,
            "",
            f"Median (worst) over the seeds, in percent; tolerances: {bounds}. {len(met)} of {sum(map(len, share.values()))}"
            f" runs keep all of them. An infeasible problem counts as detected from {100 * DETECTED:.0f} % unmet on: "
            f"{sum(s >= DETECTED for s in share[True])} of {len(share[True])} infeasible runs (least "
            f"{100 * min(share[True], default=0.0):.0f} %) and {sum(s >= DETECTED for s in share[False])} of "
            f"{len(share[False])} others (most {100 * max(share[False], default=0.0):.0f} %). {seconds:.0f} s of one core "
            f"({record['device']}).",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--algorithms", nargs="*", default=list(ALGORITHMS), choices=list(ALGORITHMS))
    parser.add_argument("--resume", action="store_true", help="keep the runs of the same options that the file has")
    parser.add_argument("--table", action="store_true", help="only print the table of the file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    path, console = RESULTS / "exactness.json", Console()
    if options.table:
        print(markdown(json.loads(path.read_text(encoding="utf-8"))))
        return
    here = environment("cvxpy", "highspy")
    identity = {"common": repr(COMMON), "fine": repr(FINE), "size": SIZE, "updates": UPDATES, "kinds": KINDS, "share": SHARE}
    found = json.loads(path.read_text(encoding="utf-8")) if options.resume and path.exists() else {}
    known = found.get("algorithms", {}) if found.get("identity") == identity else {}
    algorithms = {name: known[name] for name in known if known[name]["update"] == repr(ALGORITHMS.get(name))}
    record = {"task": "exactness", **here, "tolerance": TOLERANCE, "identity": identity, "algorithms": algorithms}
    for seed, name, kind in itertools.product(range(options.seeds), options.algorithms, KINDS):
        kept = algorithms.setdefault(name, {"update": repr(ALGORITHMS[name]), "summary": {}, "runs": {}})
        rows = kept["runs"].setdefault(kind, {})
        if str(seed) not in rows:
            env, least = pose(kind, seed)
            rows[str(seed)] = row = facts(course(ALGORITHMS[name], env, seed, UPDATES[kind]), env, least)
            shown = ", ".join(f"{key} {row[key]:.3f}" for key in (*TOLERANCE, "unmet", "seconds") if key in row)
            console.print(f"{name} {kind} {seed}: {shown}", highlight=False, soft_wrap=True)
        kept["summary"][kind] = summary(list(rows.values()))
        replace({path: json.dumps(record, indent=1) + "\n"})
    print(markdown(record))


if __name__ == "__main__":
    main()
