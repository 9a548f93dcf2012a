"""Short runs of the whole pipeline on the tiny task, and a watcher that can act in the middle of one."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from tiny_task import task
from torch import Tensor, nn

from cpruner.agent import Random
from cpruner.cmdp import AgentSpec
from cpruner.constraint import Budget, Reading
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog, FineTune
from cpruner.pipeline import prune
from cpruner.repair import Repair
from cpruner.result import Result
from cpruner.search import Progress
from cpruner.settings import Settings
from cpruner.space import PruningSpace


class Told:
    """A watcher that writes everything down, and lets a test act at a phase or at an evaluation."""

    def __init__(self, at: Callable[[str], None] = lambda event: None) -> None:
        self.events: list[str] = []
        self.epochs: list[EpochLog] = []
        self.at = at

    def phase(self, name: str) -> None:
        self.tell(name)

    def prepared(self, space: PruningSpace, dense: Iterable[Reading], score: Score) -> None:
        self.tell(f"{len(space.groups)} groups, {[reading.name for reading in dense]}, {score.images} images")

    def evaluation(self, name: str) -> Callable[[Progress], None]:
        return lambda progress: self.tell(f"{name} {progress.evaluations}/{progress.total}")

    def epoch(self, log: EpochLog) -> None:
        self.epochs.append(log)
        self.tell(f"epoch {log.epoch}")

    def close(self) -> None:
        self.events.append("close")

    def tell(self, event: str) -> None:
        self.events.append(event)
        self.at(event)


def settings(**changed: Any) -> Settings:
    quick = {"repair": Repair(images=64, positions=4), "finetune": FineTune(epochs=1), "baselines": {}}
    return Settings(**{**quick, **changed})


def pruned(
    *budgets: Budget,
    agent: AgentSpec | None = None,
    evaluations: int = 6,
    seed: int = 0,
    given: Any = None,
    **changed: Any,
) -> Result:
    """Prune the tiny network with few evaluations; ``given`` goes to the task, ``changed`` to the settings."""
    posed = task(*budgets, **(given or {}))
    return prune(
        posed.model,
        posed.example_inputs,
        train=posed.train,
        search=posed.search,
        budgets=posed.budgets,
        agent=agent or Random(),
        evaluations=evaluations,
        seed=seed,
        settings=settings(**changed),
    )


def weights(model: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def equal(left: Iterable[Tensor], right: Iterable[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(left, right, strict=True))
