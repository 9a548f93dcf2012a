"""Searches on the tiny task, written to a history; and a deeper network that can learn from them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from tiny_task import EXAMPLE, SOFT, Scripted, env
from torch import nn

from cpruner.candidate import Candidate, materialise
from cpruner.constraint import Budget, Sample, measure_dense, read
from cpruner.env import Judge, Judgement, PruningEnv, PruningProblem
from cpruner.evaluate import Memo, Score
from cpruner.history import Conditions, History, Recorder, Run
from cpruner.search.rollout import decide
from cpruner.space import PruningSpace, trace

TINY = Conditions("tiny", "images", "statistics", "repair", "ranking", "judging", "machine")
DEEP = Conditions("deep", "images", "statistics", "repair", "ranking", "judging", "machine")
DENSE = Score(1.0, 0.0, 1)


class Counting:
    """Judgements worked out on the widths, without building a network: results that are shared beforehand."""

    def __init__(self, posed: PruningEnv) -> None:
        self.posed = posed

    def __getitem__(self, candidate: Candidate) -> Judgement:
        judge, counts = self.posed.judge, self.posed.space.count(candidate)
        readings = tuple(
            budget.reading(Sample(getattr(counts, budget.cost.counted)), judge.dense[budget.name])
            for budget in judge.budgets
        )
        shallow = len(candidate.widths) == 3
        accuracy = float(np.dot([1, 2, 3], candidate.widths)) / 40 if shallow else by_depth(candidate.widths)
        return Judgement(candidate, Score(accuracy, 1 - accuracy, 1), readings)

    def __setitem__(self, candidate: Candidate, judgement: Judgement) -> None:
        """Nobody else asks."""


def quick(posed: PruningEnv) -> PruningEnv:
    """The same environment with judgements in no time."""
    posed.judge = replace(posed.judge, memo=Memo(behind=Counting(posed)))
    return posed


def described(posed: PruningEnv, conditions: Conditions = TINY, **changed: object) -> Run:
    """A run on the tiny task."""
    told = {"agent": "Scripted()", "seed": 0, **changed}
    return Run.of(posed, conditions, DENSE, **told)  # type: ignore[arg-type]


def filled(
    path: Path,
    posed: PruningEnv | None = None,
    script: Sequence[float] | None = None,
    conditions: Conditions = TINY,
    evaluations: int = 12,
) -> tuple[History, Recorder]:
    """A history with one run of an agent that follows a script; by default one drawn at random."""
    posed = posed or quick(env())
    drawn = np.random.default_rng(0).uniform(0.1, 1.0, evaluations * len(posed.space.groups)).tolist()
    agent, history = Scripted(script or drawn), History(path)
    recorder = history.record(described(posed, conditions))
    for number in range(1, evaluations + 1):
        decided = decide(posed, agent)
        recorder.add(number, posed.judge(decided.candidate), decided.finish())
    return history, recorder


@cache
def deep_network() -> nn.Sequential:
    """Five convolutions of 8 channels, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        layers: list[nn.Module] = []
        for inputs in (1, 8, 8, 8, 8):
            layers += [nn.Conv2d(inputs, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)).eval()


@cache
def deep_space() -> PruningSpace:
    """Five groups of 8 channels."""
    return trace(deep_network(), EXAMPLE)


def by_depth(widths: Sequence[int]) -> float:
    """A stand-in for accuracy: later layers count more, as in the tiny task; 0.9 for the dense network."""
    return 0.9 * float(np.dot(widths, [2, 3, 4, 5, 6])) / 160


def deep_score(model: nn.Module) -> Score:
    """The same of a network."""
    accuracy = by_depth([module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d)])
    return Score(accuracy, 1 - accuracy, 1)


def deep_env(budgets: Sequence[Budget], problem: PruningProblem = SOFT) -> PruningEnv:
    """The deeper network's environment."""
    model, inputs = deep_network(), (EXAMPLE,)
    costs = measure_dense(budgets, model, inputs)
    judge = Judge(lambda candidate: materialise(model, candidate), deep_score, budgets, inputs, costs)
    return PruningEnv(deep_space(), judge, read(budgets, model, inputs, costs), problem)
