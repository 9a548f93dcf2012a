"""Transitions of whole episodes, to be drawn again and again.

Axis letters: N episodes, T steps, B steps of several episodes, O observation, A action, K constraints,
V = 1 + K (reward first, then costs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError


@final
@dataclass(frozen=True)
class Transitions:
    """Steps of whole episodes, in the units of the problem.

    Args:
        observation_BO: What was seen.
        action_BA: What was done, in [0, 1].
        signal_BV: Reward and costs of the step.
        total_BV: Reward and costs of the whole episode that the step belongs to, undiscounted.
        next_BO: What was seen next; zeros after the last step.
        done_B: Whether the step was the last of its episode.
    """

    observation_BO: Tensor
    action_BA: Tensor
    signal_BV: Tensor
    total_BV: Tensor
    next_BO: Tensor
    done_B: Tensor

    @classmethod
    def of(cls, episode: Episode) -> "Transitions":
        """The steps of one episode, in order."""
        observation_TO = torch.from_numpy(episode.observation_TO)
        signal_TV = torch.from_numpy(np.concatenate([episode.reward_T[:, None], episode.cost_TK], axis=1))
        return cls(
            observation_BO=observation_TO,
            action_BA=torch.from_numpy(np.clip(episode.action_TA, 0.0, 1.0)),
            signal_BV=signal_TV,
            total_BV=signal_TV.sum(dim=0).expand_as(signal_TV),
            next_BO=torch.cat([observation_TO[1:], torch.zeros_like(observation_TO[:1])]),
            done_B=torch.arange(len(signal_TV)) == len(signal_TV) - 1,
        )

    def __getitem__(self, index: Tensor | slice) -> "Transitions":
        """Some of the steps."""
        return Transitions(*(getattr(self, name)[index] for name in _NAMES))


_NAMES = tuple(field.name for field in fields(Transitions))


@final
class Replay:
    """The latest whole episodes that fit, as single steps; the oldest episodes go first.

    It may be filled with the episodes of another run on the same observations, actions and constraints.

    Args:
        problem: Sizes.
        capacity: Largest number of steps.
    """

    def __init__(self, problem: Problem, capacity: int) -> None:
        self.capacity = capacity
        widths = (problem.observation_size, problem.action_size, 1 + len(problem.limits))
        none_O, none_A, none_V = (torch.zeros((0, width), dtype=torch.float64) for width in widths)
        self._steps = Transitions(none_O, none_A, none_V, none_V, none_O, torch.zeros(0, dtype=torch.bool))

    def __len__(self) -> int:
        """Steps held."""
        return len(self._steps.done_B)

    @property
    def episodes(self) -> int:
        """Whole episodes held."""
        return int(self._steps.done_B.sum())

    @property
    def observation_BO(self) -> Tensor:
        """All observations held, oldest first."""
        return self._steps.observation_BO

    @property
    def total_NV(self) -> Tensor:
        """Reward and costs of every whole episode held, oldest first."""
        return self._steps.total_BV[self._steps.done_B]

    def add(self, episodes: Sequence[Episode]) -> None:
        """Append episodes, and let the oldest ones go until the steps fit.

        Raises:
            InputError: If an episode is longer than the capacity or poses another problem.
        """
        added = [Transitions.of(episode) for episode in episodes]
        for steps in added:
            self._check(steps)
        pools = [self._steps, *added]
        joined = Transitions(*(torch.cat([getattr(pool, name) for pool in pools]) for name in _NAMES))
        excess = len(joined.done_B) - self.capacity
        end_N = joined.done_B.nonzero()[:, 0] + 1
        self._steps = joined[int(end_N[end_N >= excess][0]) :] if excess > 0 else joined

    def sample(self, count: int, generator: torch.Generator) -> Transitions:
        """Steps drawn uniformly with replacement.

        Raises:
            InputError: If there is none.
        """
        if not len(self):
            raise InputError("Replay", expected="at least one episode", got="none", remedy="Add episodes first.")
        return self._steps[torch.randint(len(self), (count,), generator=generator)]

    def state_dict(self) -> dict[str, Any]:
        """Tensors by name."""
        return {name: getattr(self._steps, name).clone() for name in _NAMES}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._steps = Transitions(*(state[name].clone() for name in _NAMES))

    def _check(self, steps: Transitions) -> None:
        for name in ("observation_BO", "action_BA", "signal_BV"):
            width, got = getattr(self._steps, name).shape[1], getattr(steps, name).shape[1]
            if got != width:
                raise InputError(
                    f"Replay: {name} of an episode",
                    expected=f"{width} columns",
                    got=got,
                    remedy="Add episodes of the same observations, actions and constraints.",
                )
        if len(steps.done_B) > self.capacity:
            raise InputError(
                "Replay: length of an episode",
                expected=f"at most {self.capacity} steps",
                got=len(steps.done_B),
                remedy="Raise the capacity: whole episodes are kept.",
            )
