"""What every agent must do, checked from outside: for authors of new agents and for our own."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium
import numpy as np
import torch

from cpruner.cmdp import Agent, AgentSpec, Array, Episode, Problem, UpdateStats
from cpruner.errors import InputError
from cpruner.search.rollout import play


def check_agent(spec: AgentSpec, env: gymnasium.Env[Array, Array], problem: Problem, *, updates: int = 2) -> None:
    """Check an agent on an environment; returns if all is well.

    Checked: actions have shape (A,) and are finite; statistics are finite and carry K multipliers or none; the same
    seed gives the same run; torch's global generator is left alone; a state saved between two updates holds plain
    values only, does not change afterwards, survives ``torch.save`` and ``torch.load(weights_only=True)``, and
    continues bit-identically.

    Args:
        spec: The hyper-parameters of the agent.
        env: A small environment, deterministic for a given seed of ``reset``.
        problem: What ``env`` poses.
        updates: Updates before and after the save.

    Raises:
        InputError: Naming the agent and what it got wrong.
    """
    name = type(spec).__name__
    before = torch.get_rng_state()
    agent = spec.build(problem, seed=1)
    first = _run(agent, env, problem, name, updates, 0)
    saved = agent.state_dict()
    for path, value in _leaves(saved, "state"):
        _expect(
            isinstance(value, torch.Tensor | str | int | float), name, f"{path} is a plain value", type(value).__name__
        )
    stored = _stored(saved)
    second = _run(agent, env, problem, name, updates, updates)
    _expect(
        torch.equal(before, torch.get_rng_state()), name, "torch's global generator is left alone", "a draw from it"
    )
    _expect(_equal(saved, stored), name, "a saved state does not change", "a change by later updates")

    again = _run(spec.build(problem, seed=1), env, problem, name, updates, 0)
    _expect(_same(first, again), name, "the same seed gives the same run", "another run")
    resumed = spec.build(problem, seed=2)
    resumed.load_state_dict(stored)
    _expect(_equal(resumed.state_dict(), stored), name, "a loaded state reads back the same", "another state")
    again = _run(resumed, env, problem, name, updates, updates)
    _expect(_same(second, again), name, "a resumed run continues bit-identically", "another run")


_Run = list[tuple[list[Episode], UpdateStats]]


def _run(agent: Agent, env: gymnasium.Env[Array, Array], problem: Problem, name: str, updates: int, begin: int) -> _Run:
    """Play and update, checking every action and statistic on the way."""
    run: _Run = []
    for update in range(begin, begin + updates):
        _expect(agent.episodes_per_update >= 1, name, "episodes_per_update >= 1", agent.episodes_per_update)
        episodes = [play(env, agent, seed=1000 * update + index) for index in range(agent.episodes_per_update)]
        for episode in episodes:
            shape = episode.action_TA.shape[1:]
            _expect(shape == (problem.action_size,), name, f"actions of shape ({problem.action_size},)", shape)
            _expect(bool(np.isfinite(episode.action_TA).all()), name, "finite actions", "nan or inf")
        stats = agent.update(episodes)
        count, K = len(stats.multipliers), len(problem.limits)
        _expect(count in (0, K), name, f"{K} multipliers or none", count)
        finite = np.isfinite([*stats.multipliers, *stats.scalars.values()]).all()
        _expect(bool(finite), name, "finite statistics", dict(stats.scalars))
        run.append((episodes, stats))
    return run


def _expect(fulfilled: bool, name: str, expected: str, got: object) -> None:
    if not fulfilled:
        raise InputError(name, expected=expected, got=got, remedy="See cpruner.cmdp.Agent for what an agent promises.")


def _same(left: _Run, right: _Run) -> bool:
    """Whether two runs chose the same actions and reported the same statistics, to the last bit."""
    return all(
        stats == other_stats
        and all(np.array_equal(a.action_TA, b.action_TA) for a, b in zip(episodes, others, strict=True))
        for (episodes, stats), (others, other_stats) in zip(left, right, strict=True)
    )


def _stored(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint file gives back."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value that is not a dict or list, with its place."""
    if type(value) is dict or type(value) is list:
        items = value.items() if type(value) is dict else enumerate(value)
        for key, inner in items:
            yield from _leaves(inner, f"{path}[{key!r}]")
    else:
        yield path, value


def _equal(left: Any, right: Any) -> bool:
    """Whether two states hold the same values in the same places."""
    here, there = dict(_leaves(left, "")), dict(_leaves(right, ""))
    return here.keys() == there.keys() and all(_equal_leaf(value, there[path]) for path, value in here.items())


def _equal_leaf(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return torch.equal(left, right)
    return bool(left == right)
