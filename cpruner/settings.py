"""Everything about a run that has a good default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cpruner.agent import Plan, Random, Uniform, WarmUp
from cpruner.cmdp import AgentSpec
from cpruner.env import PruningProblem
from cpruner.errors import InputError
from cpruner.evaluate import Judging
from cpruner.finetune import FineTune
from cpruner.history import Past
from cpruner.pool import Pool
from cpruner.ranking import Rank
from cpruner.repair import Polish, Repair
from cpruner.search import Assistant
from cpruner.space import Scope
from cpruner.watch import Watcher, usual

AGENT = "agent"

#: What every agent is compared with.
BASELINES: Mapping[str, AgentSpec] = {"uniform": Uniform(), "random": Random(), "knapsack": Plan()}


@dataclass(frozen=True)
class Settings:
    """Everything about a run that has a good default.

    Args:
        repair: How candidates are refitted before they are judged.
        ranking: Which channels of a group a candidate keeps.
        polish: Gradient steps on the chosen network, before it is fine-tuned.
        problem: How pruning is posed as a constrained MDP.
        judging: How candidates are judged on the search split.
        warm_up: How the agent is prepared on a surrogate before anything is judged.
        assistant: Which of its proposals are judged.
        past: What is kept for later runs, and taken over from earlier ones.
        finetune: Training of the chosen network; ``FineTune(epochs=0)`` skips it.
        baselines: Agents given the same number of evaluations, by name.
        space: What may be pruned, and which widths are legal.
        pool: How many candidates are judged at a time, and where; it changes nothing about the result.
        run_dir: Where checkpoints and the artefact go; None is the one to resume, or keeps everything in memory.
        resume: Run directory of an interrupted run to continue.
        watcher: Who is told what happens; by default a progress display on stderr where that is a terminal.
            ``cpruner.watch.Silent()`` says nothing.

    Raises:
        InputError: A baseline is called "agent".
    """

    repair: Repair = field(default_factory=Repair)
    ranking: Rank = field(default_factory=Rank)
    polish: Polish = field(default_factory=Polish)
    problem: PruningProblem = field(default_factory=PruningProblem)
    judging: Judging = field(default_factory=Judging)
    warm_up: WarmUp = field(default_factory=WarmUp)
    assistant: Assistant = field(default_factory=Assistant)
    past: Past = field(default_factory=Past)
    finetune: FineTune = field(default_factory=FineTune)
    baselines: Mapping[str, AgentSpec] = field(default_factory=lambda: dict(BASELINES))
    space: Scope = field(default_factory=Scope)
    pool: Pool = field(default_factory=Pool)
    run_dir: Path | None = None
    resume: Path | None = None
    watcher: Watcher = field(default_factory=usual)

    def __post_init__(self) -> None:
        if AGENT in self.baselines:
            expected = f"names other than '{AGENT}'"
            raise InputError("baselines", expected=expected, got=list(self.baselines), remedy="Rename it.")
        for name, folder in (("resume", self.resume), ("run_dir", self.run_dir or self.resume)):
            object.__setattr__(self, name, None if folder is None else Path(folder))  # text is welcome too
