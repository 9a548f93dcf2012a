"""The loop where budgets are drawn per episode."""

from dataclasses import dataclass, field

import numpy as np
from tiny_task import Scripted, env

from cpruner.cmdp import Array
from cpruner.env import PruningProblem
from cpruner.search import Assistant, search
from cpruner.search.assistant import Outcomes


@dataclass
class Looking(Scripted):
    """Remembers the last entry of the first observation of every episode: -log of its share of the limits."""

    seen: list[float] = field(default_factory=list)
    begun: bool = False

    def begin(self) -> None:
        """An episode begins."""
        self.begun = True

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """As the script says."""
        self.seen += [float(observation[-1])] if self.begun else []
        self.begun = False
        return super().act(observation, deterministic=deterministic)


@dataclass
class Choosing:
    """Takes the first proposal for every judgement, and remembers what it was told."""

    spec: Assistant = field(default_factory=lambda: Assistant(proposals=3, moves=0))
    told: list[tuple[int, int, bool]] = field(default_factory=list)
    solutions: tuple[Array, ...] = ()
    shares: list[float] = field(default_factory=list)

    def ready(self, judged: int) -> bool:
        """From the second update on."""
        return judged > 0

    def choose(self, seen: Outcomes, proposed_MG: Array, count: int, share_M: Array, *, apart: bool) -> list[int]:
        """The first of every three."""
        self.told.append((len(seen.reward_N), len(proposed_MG), apart))
        assert share_M.tolist() == np.repeat(share_M[::3], 3).tolist()  # the proposals for one budget
        self.shares += share_M[::3].tolist()
        return [3 * number for number in range(count)]


def searched(tightest: float) -> tuple[Looking, Choosing]:
    agent, choosing = Looking([0.5, 0.7, 0.9, 0.4], episodes_per_update=2), Choosing()
    posed = env(problem=PruningProblem(tightest=tightest))
    assert len(search(posed, agent, 4, assisting=choosing).archive) == 4  # type: ignore[arg-type]
    return agent, choosing


def test_proposals_for_one_judgement_are_for_one_budget() -> None:
    agent, choosing = searched(0.5)
    first, second, *proposed = agent.seen
    assert proposed == [proposed[0]] * 3 + [proposed[3]] * 3
    assert len({first, second, *proposed}) == 4  # and every judgement has its own
    assert choosing.told == [(2, 6, True)]
    shares = np.exp(-np.array(agent.seen))
    assert ((shares >= 0.5) & (shares <= 1.0)).all()
    np.testing.assert_allclose(choosing.shares, shares[[2, 5]])


def test_where_nothing_is_drawn_all_proposals_are_compared() -> None:
    assert searched(1.0)[1].told == [(2, 6, False)]
