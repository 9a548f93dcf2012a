"""Between dataclasses and rows of the file."""

import json
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib import metadata
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cpruner.cmdp import Episode
from cpruner.constraint import Reading
from cpruner.evaluate import Score
from cpruner.history.run import Conditions, Run, Target
from cpruner.space.ranking import Ranking

Row = dict[str, Any]
_CONDITIONS = [field.name for field in fields(Conditions)]


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any], *, known: str = "ABORT") -> int:
    """Insert a row given by its columns; returns its number. ``known`` is what to do with a key that is there."""
    places = ", ".join(f":{name}" for name in row)
    text = f"INSERT OR {known} INTO {table} ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - names are ours
    return int(connection.execute(text, dict(row)).lastrowid or 0)


def of_run(run: Run, started: str) -> Row:
    """The row of table ``run``."""
    return {
        "identity": run.identity,
        "conditions": run.alike,
        "started": started,
        **asdict(run.conditions),
        "plan": run.plan,
        "group_names": json.dumps(run.groups),
        "group_sizes": json.dumps(run.sizes),
        "ranking_digest": run.order_digest,
        "problem": run.problem,
        "agent": run.agent,
        "seed": run.seed,
        "name": run.name,
        "origin": run.origin,
        "folder": run.folder,
        "dense_accuracy": run.dense.accuracy,
        "dense_loss": run.dense.loss,
        "dense_images": run.dense.images,
        "versions": json.dumps(_versions()),
    }


def to_run(row: sqlite3.Row, targets: Sequence[sqlite3.Row], channels: bytes) -> Run:
    """A run from its row, its rows of table ``budget`` and its ranking."""
    sizes = tuple(json.loads(row["group_sizes"]))
    return Run(
        conditions=Conditions(**{name: row[name] for name in _CONDITIONS}),
        plan=row["plan"],
        groups=tuple(json.loads(row["group_names"])),
        sizes=sizes,
        order=to_order(channels, sizes),
        problem=row["problem"],
        targets=tuple(Target(t["name"], t["unit"], t["counted"], t["cost_limit"], t["dense"]) for t in targets),
        dense=Score(row["dense_accuracy"], row["dense_loss"], row["dense_images"]),
        agent=row["agent"],
        seed=row["seed"],
        name=row["name"],
        origin=row["origin"],
        folder=row["folder"],
        id=row["id"],
        started=row["started"],
    )


def of_order(order: Ranking) -> bytes:
    """Channels of all groups end to end, little-endian int32."""
    return np.array([channel for group in order for channel in group], dtype="<i4").tobytes()


def to_order(channels: bytes, sizes: Sequence[int]) -> Ranking:
    """Inverse of ``of_order``."""
    groups = np.split(np.frombuffer(channels, dtype="<i4"), np.cumsum(sizes)[:-1])
    return tuple(tuple(group.tolist()) for group in groups)


def to_score(row: sqlite3.Row) -> Score:
    """The score in a row of table ``evaluation``."""
    return Score(row["accuracy"], row["loss"], row["images"], row["divergence"], row["abandoned"])


def of_reading(reading: Reading) -> Row:
    """Columns of table ``reading``."""
    told = asdict(reading)
    return {"budget": told.pop("name"), "cost_limit": told.pop("limit"), **told}


def to_reading(row: sqlite3.Row) -> Reading:
    """Inverse of ``of_reading``."""
    return Reading(row["budget"], row["unit"], row["value"], row["spread"], row["cost_limit"], row["dense"])


def of_episode(episode: Episode) -> Row:
    """Columns of table ``episode``."""
    return {
        "steps": len(episode.reward_T),
        "observation_size": episode.observation_TO.shape[1],
        "action_size": episode.action_TA.shape[1],
        "costs": episode.cost_TK.shape[1],
        "observations": _blob(episode.observation_TO),
        "actions": _blob(episode.action_TA),
        "rewards": _blob(episode.reward_T),
        "cost_values": _blob(episode.cost_TK),
    }


def to_episode(row: sqlite3.Row) -> Episode:
    """Inverse of ``of_episode``."""
    steps = row["steps"]
    return Episode(
        observation_TO=_array(row["observations"], steps, row["observation_size"]),
        action_TA=_array(row["actions"], steps, row["action_size"]),
        reward_T=_array(row["rewards"], steps),
        cost_TK=_array(row["cost_values"], steps, row["costs"]),
    )


def _blob(array: NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


def _array(blob: bytes, *shape: int) -> NDArray[np.float64]:
    return np.frombuffer(blob, dtype="<f8").astype(np.float64).reshape(shape)


def _versions() -> dict[str, str]:
    try:
        own = metadata.version("cpruner")
    except metadata.PackageNotFoundError:  # run from a folder that was not installed
        own = "unknown"
    return {"cpruner": own, "python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
