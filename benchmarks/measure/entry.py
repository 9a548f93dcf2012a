"""Who takes part in the comparison of searches, and with what help."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cpruner import agent
from cpruner.agent import WarmUp
from cpruner.cmdp import AgentSpec
from cpruner.env import PruningProblem
from cpruner.search import Assistant
from measure.helped import Helped

COLD, ALONE = WarmUp(enabled=False), Assistant(proposals=1, moves=0)


@dataclass(frozen=True)
class Entry:
    """One line of the comparison.

    Args:
        agent: Who decides.
        warm_up: How it is prepared on the surrogate.
        assistant: Which of its proposals are judged.
        posed: Options of the environment that belong to it.
        evaluations: Fewer than the others get; None is as many.
        past: Options of what it takes over from an earlier search; empty takes nothing.
    """

    agent: AgentSpec
    warm_up: WarmUp = COLD
    assistant: Assistant = ALONE
    posed: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int | None = None
    past: Mapping[str, Any] = field(default_factory=dict)

    def problem(self, problem: PruningProblem) -> PruningProblem:
        """The environment as it is posed to this entry."""
        return replace(problem, **self.posed)


_CLIPPED = {"feasibility": "clipped"}
_PLAIN = Assistant(moves=0)
_BLIND = {"sensitivities": False}
#: Scaling makes every proposal fit; who ranks by violation would still take the cheaper one of two that did not.
_FITTED = {"charged": "judged"}

ENTRIES: dict[str, Entry] = {
    "uniform": Entry(agent.Uniform(), evaluations=1),
    "random": Entry(agent.Random()),
    "cross_entropy": Entry(agent.CrossEntropy()),
    "cross_entropy, charged as judged": Entry(agent.CrossEntropy(), posed=_FITTED),
    "cma_es": Entry(agent.CMAES()),
    "cma_es, charged as judged": Entry(agent.CMAES(), posed=_FITTED),
    "annealing": Entry(agent.Annealing()),
    "annealing, charged as judged": Entry(agent.Annealing(), posed=_FITTED),
    "shrink": Entry(agent.Shrink()),
    "knapsack": Entry(agent.Plan(), WarmUp()),
    "knapsack, charged as judged": Entry(agent.Plan(), WarmUp(), posed=_FITTED),
    "ddpg": Entry(agent.DDPG(), posed=_CLIPPED),
    "ddpg, no predictions": Entry(agent.DDPG(), posed=_CLIPPED | _BLIND),
    "ddpg, warm-up, assistant": Entry(agent.DDPG(), WarmUp(), Assistant(), posed=_CLIPPED),
    "ddpg, warm-up, assistant, no moves": Entry(agent.DDPG(), WarmUp(), _PLAIN, posed=_CLIPPED),
    "dqn": Entry(agent.DQN(), posed=_CLIPPED),
    "reinforce": Entry(agent.reinforce()),
    "rcpo": Entry(agent.rcpo()),
    "trpo_lagrangian": Entry(agent.trpo_lagrangian()),
    "cpo": Entry(agent.cpo()),
    "focops": Entry(agent.focops()),
    "p3o": Entry(agent.p3o()),
    "cup": Entry(agent.cup()),
    "ppo_lagrangian": Entry(agent.ppo_lagrangian()),
    "ppo_lagrangian, no predictions": Entry(agent.ppo_lagrangian(), posed=_BLIND),
    "random, assistant": Entry(Helped(agent.Random()), assistant=Assistant()),
    "knapsack, assistant": Entry(Helped(agent.Plan()), WarmUp(), Assistant()),
    "ppo_lagrangian, warm-up": Entry(agent.ppo_lagrangian(), WarmUp()),
    "ppo_lagrangian, assistant": Entry(agent.ppo_lagrangian(), assistant=Assistant()),
    "ppo_lagrangian, warm-up, practice, assistant": Entry(agent.ppo_lagrangian(), WarmUp(updates=30), Assistant()),
    "ppo_lagrangian, warm-up, assistant": Entry(agent.ppo_lagrangian(), WarmUp(), Assistant()),
    "ppo_lagrangian, warm-up, assistant, charged as judged": Entry(
        agent.ppo_lagrangian(), WarmUp(), Assistant(), posed=_FITTED
    ),
    "ppo_lagrangian, warm-up, assistant, no moves": Entry(agent.ppo_lagrangian(), WarmUp(), _PLAIN),
    "ppo_lagrangian, warm-up, assistant, no predictions": Entry(
        agent.ppo_lagrangian(), WarmUp(), Assistant(), posed=_BLIND
    ),
}

#: Those that need an earlier search, of the same network or another; the first two are what they are compared with.
WITH_PAST: dict[str, Entry] = {
    "ppo_lagrangian": ENTRIES["ppo_lagrangian"],
    "ppo_lagrangian, warm-up, assistant": ENTRIES["ppo_lagrangian, warm-up, assistant"],
    "ppo_lagrangian, solutions": Entry(agent.ppo_lagrangian(), past={"solutions": 8}),
    "ppo_lagrangian, policy": Entry(agent.ppo_lagrangian(), past={"policy": "agent.pt"}),
    "ppo_lagrangian, assistant, judged before": Entry(
        agent.ppo_lagrangian(), assistant=Assistant(), past={"assistant": True}
    ),
    "ppo_lagrangian, policy, assistant, judged before": Entry(
        agent.ppo_lagrangian(), assistant=Assistant(), past={"assistant": True, "policy": "agent.pt"}
    ),
    "ddpg": ENTRIES["ddpg"],
    "ddpg, warm-up, assistant": ENTRIES["ddpg, warm-up, assistant"],
    "ddpg, policy": Entry(agent.DDPG(), posed=_CLIPPED, past={"policy": "agent.pt"}),
    "ddpg, policy, assistant, judged before": Entry(
        agent.DDPG(), assistant=Assistant(), posed=_CLIPPED, past={"assistant": True, "policy": "agent.pt"}
    ),
    "ddpg, replay": Entry(agent.DDPG(), posed=_CLIPPED, past={"replay": 200}),
}
