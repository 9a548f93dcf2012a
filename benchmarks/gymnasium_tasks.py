"""Plain Gymnasium tasks: whether an on-policy agent reaches the scores that are usual for PPO.

    python benchmarks/gymnasium_tasks.py
    python benchmarks/gymnasium_tasks.py --resume                  # only what the file does not have yet

There are no constraints and episodes are of different lengths. Actions are brought to [0, 1]; the observation holds
the time that has passed, as episodes end for an agent of whole episodes where Gymnasium cuts them. The score is the
mean return of 20 episodes without exploration, in the units of the task; seconds are of one core. Prints one row per
task and seed and writes benchmarks/results/gymnasium_tasks.json.
"""

import argparse
import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import TimeAwareObservation
from measure.record import RESULTS, environment, replace
from rich.console import Console
from rich.table import Table

from cpruner.agent import Categorical, Clipped, Gaussian, OnPolicy, Perceptron
from cpruner.agent.on_policy_agent import OnPolicyAgent
from cpruner.cmdp import Array, Episode, Problem

Env = gymnasium.Env[Any, Any]


@dataclass(frozen=True)
class Task:
    """A task, how it is learned and what is usual.

    Args:
        spec: The agent.
        updates: How often it learns.
        unit: What rewards are divided by while learning.
        usual: Score to reach.
    """

    spec: OnPolicy
    updates: int
    unit: float
    usual: float


def learner(**options: Any) -> OnPolicy:
    """What the tasks share."""
    common = {"encoder": Perceptron(hidden=[64, 64], gain=1.0), "baseline": "critic", "gamma": 0.99, "reuse": 1}
    given = {"episodes_per_update": 16, "critic_lr": 0.003, "critic_epochs": 20, **common, **options}
    return OnPolicy(update=Clipped(lr=0.003, epochs=20, clip=0.2, target_kl=0.03), **given)


LEVELS = Categorical(levels=2, initial_mean=0.5)
TORQUE = Gaussian(initial_mean=0.5, initial_std=0.25, std_decay=0.99, std_floor=0.05)
TASKS = {
    "CartPole-v1": Task(learner(policy=LEVELS, normalise_observations=False), 50, 20.0, 475.0),
    "Pendulum-v1": Task(learner(policy=TORQUE), 100, 100.0, -300.0),
}
TESTED = 20
FIRST_TEST_SEED = 10_000


@final
class UnitAction(gymnasium.ActionWrapper[Any, Array, Any]):
    """Actions in [0, 1]: one of several at equal distances, or the whole range of a continuous one."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        size = 1 if isinstance(env.action_space, Discrete) else math.prod(env.action_space.shape or (1,))
        self.action_space = Box(0.0, 1.0, (size,), np.float64)

    def action(self, action: Array) -> Any:
        """The action of the task."""
        share_A, space = np.clip(action, 0.0, 1.0), self.env.action_space
        if isinstance(space, Discrete):
            return round(float(share_A[0]) * (int(space.n) - 1))
        assert isinstance(space, Box)  # noqa: S101 - the tasks have no other kind
        return (space.low + share_A * (space.high - space.low)).astype(space.dtype)


def make(name: str) -> tuple[UnitAction, Problem]:
    """A task, and what an agent has to know of it."""
    env = UnitAction(TimeAwareObservation(gymnasium.make(name, disable_env_checker=True), normalize_time=True))
    spec, seen, action = env.spec, env.observation_space.shape, env.action_space.shape
    assert spec is not None and spec.max_episode_steps and seen and action  # noqa: S101, PT018 - they are registered so
    return env, Problem(seen[0], action[0], spec.max_episode_steps)


def play_all(
    envs: Sequence[Env],
    agent: OnPolicyAgent,
    seeds: Sequence[int] | None = None,
    *,
    unit: float = 1.0,
    deterministic: bool = False,
) -> list[Episode]:
    """One episode in each environment, side by side; one that is over waits for the others.

    Args:
        envs: As many as episodes.
        agent: Acts in all at once.
        seeds: Of the environments; they go on drawing if not given.
        unit: What rewards are divided by.
        deterministic: Whether to act without exploration.
    """
    agent.begin()
    starts: Sequence[int | None] = seeds or [None] * len(envs)
    seen_NO = np.stack([env.reset(seed=seed)[0] for env, seed in zip(envs, starts, strict=True)]).astype(np.float64)
    played: list[list[tuple[Array, Array, float]]] = [[] for _ in envs]
    running = set(range(len(envs)))
    while running:
        action_NA = agent.act_all(seen_NO.copy(), deterministic=deterministic)
        for n in sorted(running):
            following_O, reward, terminated, truncated, _ = envs[n].step(action_NA[n])
            played[n].append((seen_NO[n].copy(), action_NA[n], float(reward) / unit))
            seen_NO[n] = following_O
            if terminated or truncated:
                running.remove(n)
    columns = [[np.stack(column) for column in zip(*steps, strict=True)] for steps in played]
    return [Episode(seen, action, reward, np.zeros((len(reward), 0))) for seen, action, reward in columns]


def score(name: str, agent: OnPolicyAgent) -> list[float]:
    """Returns of the test episodes."""
    envs = [make(name)[0] for _ in range(TESTED)]
    seeds = list(range(FIRST_TEST_SEED, FIRST_TEST_SEED + TESTED))
    return [episode.total_reward for episode in play_all(envs, agent, seeds, deterministic=True)]


def learned(name: str, seed: int, updates: int | None = None) -> tuple[OnPolicyAgent, int]:
    """An agent after its updates, or as soon as two batches in a row reach the score it has to; and steps played."""
    task, steps, reached = TASKS[name], 0, 0
    envs = [make(name)[0] for _ in range(task.spec.episodes_per_update)]
    agent = task.spec.build(make(name)[1], seed)
    for update in range(task.updates if updates is None else updates):
        seeds = [1000 * seed + n for n in range(len(envs))] if update == 0 else None
        episodes = play_all(envs, agent, seeds, unit=task.unit)
        agent.update(episodes)
        steps += sum(len(episode.reward_T) for episode in episodes)
        mean = task.unit * float(np.mean([episode.total_reward for episode in episodes]))
        reached = reached + 1 if mean >= task.usual else 0
        if reached == 2:
            break
    return agent, steps


def measured(name: str, seed: int) -> dict[str, Any]:
    """One run."""
    start = time.process_time()
    agent, steps = learned(name, seed)
    seconds, returns = time.process_time() - start, score(name, agent)
    mean = float(np.mean(returns))
    found = {"score": mean, "lowest": min(returns), "highest": max(returns), "steps": steps, "seconds": seconds}
    return {**found, "usual": TASKS[name].usual, "reached": mean >= TASKS[name].usual}


def table(record: Mapping[str, Any]) -> Table:
    """One row per task and seed."""
    shown = Table("task", "seed", "mean return", "lowest", "highest", "usual", "steps", "seconds")
    for name, task in record["tasks"].items():
        for seed, run in task["runs"].items():
            values = [f"{run[key]:.1f}" for key in ("score", "lowest", "highest", "usual")]
            shown.add_row(name, seed, *values, str(run["steps"]), f"{run['seconds']:.0f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--resume", action="store_true", help="keep the runs of the same options that the file has")
    options = parser.parse_args()
    torch.set_num_threads(1)
    path, console = RESULTS / "gymnasium_tasks.json", Console()
    found = json.loads(path.read_text(encoding="utf-8")) if options.resume and path.exists() else {"tasks": {}}
    tasks = {name: kept for name, kept in found["tasks"].items() if kept["task"] == repr(TASKS.get(name))}
    record = {"task": "gymnasium", **environment("gymnasium"), "episodes": TESTED, "tasks": tasks}
    for seed, name in itertools.product(range(options.seeds), options.tasks):
        runs = tasks.setdefault(name, {"task": repr(TASKS[name]), "runs": {}})["runs"]
        if str(seed) not in runs:
            runs[str(seed)] = measured(name, seed)
            replace({path: json.dumps(record, indent=1) + "\n"})
    console.print(table(record))


if __name__ == "__main__":
    main()
