"""On-policy agents on random tabular problems that a linear program solves exactly: how far from the optimum they end.

    python benchmarks/exactness.py            # --resume: only what the file does not have; --table: only print the file
    python benchmarks/exactness.py --first-seed 100 --label unseen

Every algorithm plays the same problems (``cpruner.testing.TabularCMDP``), five seeds of each kind: one active
constraint, two (both active or one of them), one that is not active, and one that no policy meets. The policy is a
table, so it can be optimal, and is valued exactly. Steps are half as large in the second half. Over the last third:

- gap: reward of the linear program minus mean reward, relative to the former; negative where costs pass their limits;
- violation: largest mean cost over its limit, minus 1; where no policy meets the limits, minus the least possible too;
- oscillation: largest standard deviation of a cost over its limit;
- multiplier: distance of a mean multiplier from the interval of the true ones for limits of 0.97 to 1.03 of the given
  (centre, edges, corners: it jumps at kinks of the value), relative to the largest true one or to 1 if that is smaller;
- unmet: share of these updates in which the agent says that a limit cannot be met; from ``DETECTED`` on it is believed;
- priced: where no policy meets the limits, the violation of the best policy for the mean multipliers, in the file only.

Writes benchmarks/results/exactness.json. docs/exactness.md says which options were chosen on other seeds, and how not.
"""

import argparse
import contextlib
import copy
import itertools
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from measure import record as files
from measure.one_hot import OneHot

from cpruner.agent import PID, Categorical, OnPolicy, Perceptron
from cpruner.agent.policy import Policy
from cpruner.agent.sequences import Sequences
from cpruner.agent.update import CUP, FOCOPS, P3O, Clipped, Constrained, PolicyGradient, TrustRegion, UpdateSpec
from cpruner.agent.warm_up import lockstep
from cpruner.cmdp import Array, UpdateStats
from cpruner.errors import InputError
from cpruner.testing import TabularCMDP

ALGORITHMS: dict[str, UpdateSpec] = {
    "clipped": Clipped(lr=0.04, epochs=5, target_kl=0.02, clip=0.2, entropy=0.03),
    "policy_gradient": PolicyGradient(lr=0.04, steps=3, entropy=0.02),
    "trust_region": TrustRegion(radius=0.01, damping=0.01, entropy=0.03),
    "focops": FOCOPS(lr=0.04, epochs=5, radius=0.02, entropy=0.03),
    "cup": CUP(temperature=1.0, lr=0.03, epochs=12, projection_lr=0.03, projection_epochs=12, entropy=0.01),
    "constrained": Constrained(radius=0.01, damping=0.01),
    "p3o": P3O(lr=0.02, epochs=15, target_kl=0.02, clip=0.2, kappa=1.0, kappa_rate=0.5, kappa_max=200.0, entropy=0.01),
}
COMMON: dict[str, Any] = {"multiplier": PID(kp=10.0, ki=1.0, cap=200.0, bound=0.4)}
COMMON |= {"policy": Categorical(levels=3, initial_mean=0.5, initial_std=10.0), "encoder": Perceptron(hidden=[])}
COMMON |= {"normalise_observations": False, "episodes_per_update": 256, "reuse": 1}
COMMON |= {"baseline": "critic", "critic_lr": 0.05, "critic_epochs": 3}
KINDS: dict[str, dict[str, Any]] = {"one": {"constraints": 1}, "two": {"constraints": 2}}
KINDS |= {"inactive": {"constraints": 1, "tightness": -0.3}, "infeasible": {"constraints": 1, "tightness": 1.0}}
SIZE = {"states": 3, "actions": 3, "horizon": 4}
SHARE = 0.7  # an infeasible limit, of the least possible cost
UPDATES = {"one": 480, "two": 480, "inactive": 200, "infeasible": 1000}
TOLERANCE = {"gap": 0.02, "violation": 0.03, "oscillation": 0.05, "multiplier": 0.3}
DETECTED = 0.95  # share of the last updates


@dataclass(frozen=True)
class Course:
    """What U updates made of a policy, valued exactly."""

    reward_U: Array
    cost_UK: Array
    stats_U: list[UpdateStats]
    seconds: float


def pose(kind: str, seed: int) -> tuple[TabularCMDP, float]:
    """A problem and the least possible violation, per limit; 0 where limits can be met."""
    env = TabularCMDP(**SIZE, **KINDS[kind], seed=seed)
    if kind != "infeasible":
        return env, 0.0
    env.problem = replace(env.problem, limits=tuple(SHARE * limit for limit in env.problem.limits))
    return env, 1.0 / SHARE - 1.0


def table_of(policy: Policy, env: TabularCMDP) -> Array:
    """Probability of every action in every state at every step, shape (T, S, A)."""
    actions, rows = env.reward_SA.shape[1], env.horizon * len(env.start_S)
    with torch.no_grad():
        law = policy(Sequences(torch.eye(rows, dtype=torch.float64)[:, None], (1,) * rows))
        level_A1 = torch.linspace(0.0, 1.0, actions, dtype=torch.float64)[:, None]
        chance_BA = torch.stack([law.log_prob(level_1.expand(rows, 1)).exp() for level_1 in level_A1], dim=1)
    return np.asarray(chance_BA.reshape(env.horizon, -1, actions).numpy())


def fine(update: UpdateSpec) -> UpdateSpec:
    """The same update, its steps halved by temperature (CUP), learning rate or trust region."""
    parts = {CUP: ("temperature", 2.0), TrustRegion: ("radius", 0.25), Constrained: ("radius", 0.25)}
    name, by = parts.get(type(update), ("lr", 0.5))
    return replace(update, **{name: by * getattr(update, name)})  # type: ignore[type-var]


def course(update: UpdateSpec, env: TabularCMDP, seed: int, updates: int, **options: Any) -> Course:
    """Learn on a problem, in the second half finely, and value the policy after every update."""
    policy = replace(COMMON["policy"], levels=env.reward_SA.shape[1])
    coarse = OnPolicy(update=update, **{**COMMON, "policy": policy, **options})
    posed = OneHot(env, seed)
    start, agent = time.process_time(), coarse.build(posed.problem, seed)
    shown, values, stats = Policy(posed.problem, coarse.encoder, policy, torch.Generator()), [], []
    for number in range(updates):
        if number == updates // 2:
            state, agent = agent.state_dict(), replace(coarse, update=fine(update)).build(posed.problem, seed)
            agent.load_state_dict(state)
        agent.begin()
        stats.append(agent.update(lockstep(posed, coarse.episodes_per_update, agent.act_all)))
        shown.load_state_dict(agent.state_dict()["policy"])
        values.append(env.value(table_of(shown, env)))
    reward_U, cost_UK = (np.array(column) for column in zip(*values, strict=True))
    return Course(reward_U, cost_UK, stats, time.process_time() - start)


def true_multipliers(env: TabularCMDP) -> tuple[Array, Array]:
    """Least and largest optimal multipliers for limits as near to the given ones as costs have to be, (K,) each."""
    near, width, found = copy.copy(env), TOLERANCE["violation"], []
    for factors in itertools.product((1.0 - width, 1.0, 1.0 + width), repeat=len(env.problem.limits)):
        near.problem = replace(env.problem, limits=tuple(np.multiply(factors, env.problem.limits).tolist()))
        with contextlib.suppress(InputError):  # no policy meets these limits
            found.append(near.solve().multiplier_K)
    return np.min(found, axis=0), np.max(found, axis=0)


def unmet(stats: Sequence[UpdateStats], last: int) -> float:
    """Share of the last updates in which costs exceed a limit and the agent says that this cannot be helped.

    By that limit's multiplier at its cap; by a recovery step (CPO); by a penalty that an update leaves (P3O), or that
    has its largest weight where weights follow violations.
    """
    said = []
    for at in (s.scalars for s in stats[-last:]):
        over = [name.split("/")[1] for name, value in at.items() if name.startswith("violation/") and value > 0.0]
        left = "capped" if "capped" in at else "penalty"
        signs = [f"saturated/{name}" for name in over] + ["recovery", left] * bool(over)
        said.append(any(at.get(sign, 0.0) > 0.0 for sign in signs))
    return float(np.mean(said))


def facts(taken: Course, env: TabularCMDP, least: float) -> dict[str, Any]:
    """The numbers of one run; there is no optimum to compare with where no policy meets the limits."""
    last, limit_K = len(taken.reward_U) // 3, np.array(env.problem.limits)
    reward, cost_K = float(taken.reward_U[-last:].mean()), taken.cost_UK[-last:].mean(axis=0)
    lambda_K = np.mean([s.multipliers for s in taken.stats_U[-last:]], axis=0)
    row: dict[str, Any] = {
        "violation": float((cost_K / limit_K - 1.0).max()) - least,
        "oscillation": float((taken.cost_UK[-last:].std(axis=0) / limit_K).max()),
        "unmet": unmet(taken.stats_U, last),
        "multipliers": lambda_K.tolist(),
        "seconds": taken.seconds,
    }
    if least:
        if len(lambda_K):
            row["priced"] = float((env.priced(lambda_K).cost_K / limit_K - 1.0).max()) - least
        return row
    best, (low_K, high_K) = env.solve(), true_multipliers(env)
    row |= {"gap": (best.reward - reward) / best.reward, "least": low_K.tolist(), "largest": high_K.tolist()}
    if len(lambda_K):
        error = float(np.maximum(low_K - lambda_K, lambda_K - high_K).max())
        row["multiplier"] = max(error, 0.0) / max(1.0, float(best.multiplier_K.max()))
    return row


def missed(row: Mapping[str, Any]) -> list[str]:
    """Which tolerances a run does not keep; to cost less than is allowed is no fault in itself."""
    sizes = {name: abs(row[name]) if name == "gap" else row[name] for name in TOLERANCE if name in row}
    return [name for name, size in sizes.items() if size > TOLERANCE[name]]


def cell(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """Median and worst (of a gap: the largest either way) over the seeds, in percent."""
    values = [100.0 * row[name] for row in rows if name in row]
    return f"{statistics.median(values):.1f} ({max(values, key=abs if name == 'gap' else float):.1f})" if values else ""


def markdown(record: Mapping[str, Any]) -> str:
    """One row per algorithm and kind of problem, and what tells the infeasible problems from the others."""
    columns = (*TOLERANCE, "unmet")
    lines = [f"| algorithm | problem | {' | '.join(columns)} | within |", f"|{'---|' * (len(columns) + 3)}"]
    said: dict[bool, list[float]] = {True: [], False: []}
    for name, algorithm in record["algorithms"].items():
        for kind, rows in ((kind, list(runs.values())) for kind, runs in algorithm["runs"].items()):
            said[kind == "infeasible"] += [row["unmet"] for row in rows]
            kept = f"{sum(not missed(row) for row in rows)} of {len(rows)}"
            lines.append(f"| {name} | {kind} | {' | '.join(cell(rows, column) for column in columns)} | {kept} |")
    right, wrong = (f"{sum(share >= DETECTED for share in said[of])} of {len(said[of])}" for of in (True, False))
    bounds = ", ".join(f"{name} {100 * bound:.0f}" for name, bound in record["tolerance"].items())
    return "\n".join(lines) + (
        f"\n\nMedian (worst) of the seeds, in percent; tolerances: {bounds}. Detected, by {100 * DETECTED:.0f} % "
        f"unmet: {right} infeasible problems (least unmet {100 * min(said[True]):.0f} %) and {wrong} others "
        f"(most {100 * max(said[False]):.0f} %). {record['device']}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resume", action="store_true", help="keep the runs of the same options that the file has")
    parser.add_argument("--table", action="store_true", help="only print the table of the file")
    parser.add_argument("--first-seed", type=int, default=0, help="five seeds from here on")
    parser.add_argument("--label", help="part of the name of the result file, for problems of its own")
    options = parser.parse_args()
    path = files.RESULTS / f"exactness{f'_{options.label}' if options.label else ''}.json"
    torch.set_num_threads(1)
    if options.table:
        print(markdown(json.loads(path.read_text(encoding="utf-8"))))
        return
    identity: dict[str, Any] = {"common": repr(COMMON), "fine": "half steps in the second half", "updates": UPDATES}
    identity |= {"size": SIZE, "kinds": KINDS, "share": SHARE}
    found = json.loads(path.read_text(encoding="utf-8")) if options.resume and path.exists() else {}
    known = found.get("algorithms", {}) if found.get("identity") == identity else {}
    algorithms: dict[str, Any] = {name: {"update": repr(update), "runs": {}} for name, update in ALGORITHMS.items()}
    algorithms |= {name: known[name] for name in known if known[name]["update"] == repr(ALGORITHMS.get(name))}
    record = files.environment("cvxpy", "highspy") | {"task": "exactness", "tolerance": TOLERANCE, "identity": identity}
    record["algorithms"] = algorithms
    for seed, name, kind in itertools.product(range(options.first_seed, options.first_seed + 5), ALGORITHMS, KINDS):
        rows = algorithms[name]["runs"].setdefault(kind, {})
        if str(seed) not in rows:
            env, least = pose(kind, seed)
            rows[str(seed)] = row = facts(course(ALGORITHMS[name], env, seed, UPDATES[kind]), env, least)
            shown = ", ".join(f"{key} {row[key]:.3f}" for key in (*TOLERANCE, "unmet", "seconds") if key in row)
            print(f"{name} {kind} {seed}: {shown}", flush=True)
        files.replace({path: json.dumps(record, indent=1) + "\n"})
    print(markdown(record))


if __name__ == "__main__":
    main()
