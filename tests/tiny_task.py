"""A task small enough to count by hand: convolutions of 4, 6 and 8 channels on 8x8 images; agents that follow a script.

Inputs of the convolutions are 8x8, 8x8 and 4x4 pixels, their outputs 8x8, 4x4 and 2x2.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from cpruner.candidate import Candidate, materialise
from cpruner.cmdp import Array, Episode, UpdateStats
from cpruner.constraint import Budget, Flops, Params, Reading, measure_dense, read
from cpruner.data import Digits, TensorBatches
from cpruner.env import Judge, Judgement, Predicted, PruningEnv, PruningProblem
from cpruner.evaluate import Score
from cpruner.finetune import FineTune, tune
from cpruner.prepared import Task
from cpruner.space import PruningSpace, trace

SIZES = (4, 6, 8)
EXAMPLE = torch.zeros(1, 1, 8, 8)
BUDGETS = (Budget(Flops(), 0.5), Budget(Params(), 0.4))
SCALED = PruningProblem(reward="accuracy")
SOFT = PruningProblem(feasibility="soft", reward="accuracy")


def flops(a: int, b: int, c: int) -> int:
    """2 per multiply-add: three 3x3 convolutions with 64, 16 and 4 output pixels, and a linear layer."""
    return 2 * (9 * a * 64 + 9 * a * b * 16 + 9 * b * c * 4 + 10 * c)


def params(a: int, b: int, c: int) -> int:
    """Convolutions without bias, two numbers per batch-normalised channel, a linear layer with bias."""
    return (9 * a + 2 * a) + (9 * a * b + 2 * b) + (9 * b * c + 2 * c) + (10 * c + 10)


def network(seed: int = 0) -> nn.Sequential:
    """The untrained network, in eval mode."""
    a, b, c = SIZES
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(
            *(nn.Conv2d(1, a, 3, padding=1, bias=False), nn.BatchNorm2d(a), nn.ReLU()),
            *(nn.Conv2d(a, b, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(b), nn.ReLU()),
            *(nn.Conv2d(b, c, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(c), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10)),
        ).eval()


def widths_of(model: nn.Module) -> tuple[int, int, int]:
    """Channels of the three convolutions as they are now."""
    first, second, third = (module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d))
    return first, second, third


@cache
def space() -> PruningSpace:
    """Groups of 4, 6 and 8 channels."""
    return trace(network(), EXAMPLE)


def by_width(model: nn.Module) -> Score:
    """A stand-in for accuracy that can be worked out by hand: (a + 2 b + 3 c) / 40, so 1 for the dense network."""
    a, b, c = widths_of(model)
    accuracy = (a + 2 * b + 3 * c) / 40
    return Score(accuracy, 1 - accuracy, 1)


def env(
    budgets: Sequence[Budget] = BUDGETS,
    problem: PruningProblem = SCALED,
    *,
    score: Callable[[nn.Module], Score] = by_width,
    built: list[Candidate] | None = None,
    predicted: Predicted | None = None,
) -> PruningEnv:
    """An environment whose candidates are cut but not repaired; ``built`` collects what the judge had to build."""
    model, inputs = network(), (EXAMPLE,)

    def build(candidate: Candidate) -> nn.Module:
        if built is not None:
            built.append(candidate)
        return materialise(model, candidate)

    costs = measure_dense(budgets, model, inputs)
    judge = Judge(build, score, budgets, inputs, costs)
    return PruningEnv(space(), judge, read(budgets, model, inputs, costs), problem, predicted)


def judgement(widths: Sequence[int], accuracy: float = 0.5, loss: float = 1.0, **scaled: float) -> Judgement:
    """A judgement made up: keyword ``flops=1.2`` is a reading of 120 W against a limit of 100 W."""
    candidate = Candidate(tuple(tuple(range(width)) for width in widths), space().plan)
    readings = tuple(Reading(name, "W", 100 * value, 0.0, 100.0, 200.0) for name, value in scaled.items())
    return Judgement(candidate, Score(accuracy, loss, 10), readings)


@dataclass
class Scripted:
    """An agent that plays its script over and over, and remembers what it was asked to learn from."""

    script: Sequence[float] = (0.5,)
    episodes_per_update: int = 1
    multipliers: tuple[float, ...] = ()
    steps: int = 0
    learnt: list[list[Episode]] = field(default_factory=list)

    def begin(self) -> None:
        """Its script goes on."""

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The next number of the script."""
        self.steps += 1
        return np.array([self.script[(self.steps - 1) % len(self.script)]])

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Remember the episodes."""
        self.learnt.append(list(episodes))
        return UpdateStats(self.multipliers, {"lessons": len(self.learnt)})

    def state_dict(self) -> dict[str, Any]:
        """The step count."""
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self.steps = state["steps"]


@cache
def _digits() -> tuple[TensorBatches, TensorBatches, nn.Sequential]:
    splits = Digits(search_share=0.1, test_share=0.6).load(0)
    spec = FineTune(epochs=3, lr=0.1, weight_decay=0.0)
    trained, _ = tune(network(), splits.train, splits.search, spec, seed=0)
    return splits.train_eval, splits.search, trained


def task(*budgets: Budget, **changed: Any) -> Task:
    """Digits and the network after three epochs; about two thirds of the 180 search images are right."""
    train, search, trained = _digits()
    given = {"model": copy.deepcopy(trained), "example_inputs": EXAMPLE, "train": train, "search": search}
    return Task(**{**given, "budgets": budgets or BUDGETS, **changed})
