"""What a run is: enough to say which other runs can learn from it.

Axis letters: N choices of widths, G groups.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.env import PruningEnv
from cpruner.evaluate import Score
from cpruner.space.ranking import Ranking


@final
@dataclass(frozen=True)
class Conditions:
    """What a judgement depends on beside the candidate and the order of the channels, as text.

    Args:
        model: Fingerprint of the dense network, weights included.
        images: Fingerprint of the search images.
        statistics: Fingerprint of the images the activation statistics come from.
        repair: How candidates are refitted.
        ranking: How channels are ranked; what came of it is in ``Run.order``.
        judging: How candidates are run on the images.
        machine: What rounding depends on: chip, threads, version of torch.
    """

    model: str
    images: str
    statistics: str
    repair: str
    ranking: str
    judging: str
    machine: str


@final
@dataclass(frozen=True)
class Target:
    """A budget as a run had it; ``counted`` names the count that predicts it, None where it is measured."""

    name: str
    unit: str
    counted: str | None
    limit: float
    dense: float


@final
@dataclass(frozen=True)
class Run:
    """One search: an agent, or a baseline, on one network under one set of budgets.

    Args:
        conditions: What its judgements depend on.
        plan: Fingerprint of the surgery plan, the structure of the network.
        groups: Names of the groups, in network order.
        sizes: Their channels.
        order: Channels of every group from the first to stay to the last.
        problem: How pruning is posed.
        targets: Budgets, in their order.
        dense: Score of the dense network on the search images.
        agent: Its hyper-parameters.
        seed: Of the agent.
        name: "agent", or the name of a baseline.
        origin: What else tells it from runs with equal options, such as what it took over from earlier ones.
        folder: Its run directory; empty if it has none.
        id: Its number in the file; 0 before it is there.
        started: When, in UTC; empty before it has.
    """

    conditions: Conditions
    plan: str
    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    order: Ranking = field(repr=False)
    problem: str
    targets: tuple[Target, ...]
    dense: Score
    agent: str
    seed: int
    name: str = "agent"
    origin: str = ""
    folder: str = field(default="", compare=False)
    id: int = field(default=0, compare=False)
    started: str = field(default="", compare=False)

    @classmethod
    def of(
        cls,
        env: PruningEnv,
        conditions: Conditions,
        dense: Score,
        *,
        agent: str,
        seed: int,
        name: str = "agent",
        origin: str = "",
        folder: str = "",
    ) -> "Run":
        """The run that is about to begin in an environment.

        Args:
            env: Where it searches.
            conditions: What its judgements depend on.
            dense: Score of the dense network on the search images.
            agent: Its hyper-parameters.
            seed: Of the agent.
            name: "agent", or the name of a baseline.
            origin: What else tells it from runs with equal options.
            folder: Its run directory.
        """
        observer, space = env.observer, env.space
        targets = tuple(
            Target(reading.name, reading.unit, observer.counted[reading.name], reading.limit, reading.dense)
            for reading in observer.dense
        )
        named = tuple(group.name for group in space.groups)
        return cls(
            conditions=conditions,
            plan=space.plan.fingerprint,
            groups=named,
            sizes=space.sizes,
            order=tuple(tuple(int(channel) for channel in group) for group in space.ranking),
            problem=repr(env.options),
            targets=targets,
            dense=dense,
            agent=agent,
            seed=seed,
            name=name,
            origin=origin,
            folder=folder,
        )

    @cached_property
    def order_digest(self) -> str:
        """Hash of the order of the channels."""
        return _digest([self.sizes, self.order])

    @property
    def alike(self) -> str:
        """Hash of all that a judgement depends on but the candidate: equal where judgements may be exchanged."""
        return _digest([self.conditions, self.plan, self.order_digest])

    @property
    def identity(self) -> str:
        """Hash of what an interrupted run has in common with its continuation; measured costs come out differently."""
        limits = [(target.name, target.limit if target.counted else None) for target in self.targets]
        return _digest([self.alike, self.problem, limits, self.agent, self.seed, self.name, self.origin])

    def kept(self, widths: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """Channels that stay where only widths were chosen."""
        return tuple(tuple(sorted(order[:width])) for order, width in zip(self.order, widths, strict=True))

    def ratios(self, width_NG: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Keep ratios of N choices of widths, shape (N, G)."""
        widths = np.array(width_NG, dtype=np.float64).reshape(-1, len(self.sizes))
        return np.asarray(widths / np.array(self.sizes, dtype=np.float64))


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
