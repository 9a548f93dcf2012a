"""From episodes to what an off-policy agent learns from.

Axis letters: N episodes, B steps, O observation, A action, K constraints, V = 1 + K (reward first, then costs).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from cpruner.agent.normaliser import Normaliser
from cpruner.agent.off_policy.prices import Prices
from cpruner.agent.off_policy.replay import Replay
from cpruner.cmdp import Array, Episode, Problem
from cpruner.errors import InputError

if TYPE_CHECKING:
    from cpruner.agent.off_policy.ddpg import DDPG
    from cpruner.agent.off_policy.dqn import DQN


@final
@dataclass(frozen=True)
class Minibatch:
    """Steps drawn from the replay, as networks want them.

    Args:
        observation_BO: Normalised.
        action_BA: In [0, 1].
        signal_BV: Reward and costs that the step is answered for, in the units of :class:`Prices`.
        next_BO: Normalised; anything where ``done_B``.
        done_B: Whether the step was the last of its episode.
    """

    observation_BO: Tensor
    action_BA: Tensor
    signal_BV: Tensor
    next_BO: Tensor
    done_B: Tensor


@final
class Memory:
    """Replay, normaliser, prices, and how far the run has come.

    Args:
        spec: Whose options count.
        problem: Sizes and limits.
    """

    def __init__(self, spec: "DDPG | DQN", problem: Problem) -> None:
        self._spec, self._problem = spec, problem
        self.normaliser = Normaliser(problem.observation_size)
        self.restart()

    def restart(self) -> None:
        """Forget everything but the scale of observations."""
        spec, problem = self._spec, self._problem
        self._replay = Replay(problem, spec.capacity * problem.horizon)
        self.prices = Prices(
            problem, spec.multiplier, scale_costs=spec.scale_costs, unit=spec.signal_unit, baseline=spec.baseline
        )
        self.episodes = 0
        self._unlearned = 0

    @property
    def learning(self) -> bool:
        """Whether the warm-up is over."""
        return self.episodes >= self._spec.warmup

    def normalised(self, observation_BO: Tensor) -> Tensor:
        """Observations as networks want them."""
        seen_BO: Tensor = self.normaliser(observation_BO)
        return seen_BO

    def see(self, observation_BO: Tensor) -> None:
        """Take the scale of observations from these, if it is to be known and is not yet."""
        if self._spec.normalise_observations and not self.normaliser.fitted:
            self.normaliser.fit(observation_BO)

    def fill(self, episodes: Sequence[Episode]) -> None:
        """Add episodes to the replay, whoever played them; they do not count as played."""
        self._replay.add(episodes)
        self._unlearned = min(self._unlearned + len(episodes), self._replay.episodes)

    def take(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Add episodes just played; after the warm-up, one dual step from them. Returns diagnostics.

        Raises:
            InputError: If there is no episode, or one does not fit the problem; nothing is changed then.
        """
        if not episodes:
            raise InputError("episodes", expected="at least one", got="none", remedy="Play before updating.")
        total_NV = torch.stack([torch.tensor([e.total_reward, *e.total_cost_K], dtype=torch.float64) for e in episodes])
        by_policy = self.learning
        self.fill(episodes)
        violation_K: Array = self.prices.violation(total_NV)
        self.episodes += len(episodes)
        if self.learning:
            self.see(self._replay.observation_BO)
            self.prices.measure(total_NV, self._replay.total_NV)
        if by_policy:
            self.prices.charge(violation_K)
        scalars = {"reward": float(total_NV[:, 0].mean())}
        for what, value_K in (("violation", violation_K), ("saturated", self.prices.saturated_K)):
            named = zip(self._problem.constraints, value_K.tolist(), strict=True)
            scalars |= {f"{what}/{name}": value for name, value in named}
        return scalars

    def minibatches(self, generator: torch.Generator) -> Iterator[Minibatch]:
        """``gradient_steps`` of them for every episode added since the last time, priced as of now."""
        spec = self._spec
        rounds, self._unlearned = self._unlearned, 0
        for _ in range(rounds):
            steps = self._replay.sample(spec.gradient_steps * spec.batch, generator)
            whole = (
                self.normalised(steps.observation_BO),
                steps.action_BA,
                self.prices.signal(steps, spec.credit),
                self.normalised(steps.next_BO),
                steps.done_B,
            )
            yield from (
                Minibatch(*parts) for parts in zip(*(values.split(spec.batch) for values in whole), strict=True)
            )

    def state_dict(self) -> dict[str, Any]:
        """Episodes held, scales, multipliers and counters."""
        return {
            "replay": self._replay.state_dict(),
            "normaliser": {name: value.clone() for name, value in self.normaliser.state_dict().items()},
            "prices": self.prices.state_dict(),
            "episodes": self.episodes,
            "unlearned": self._unlearned,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._replay.load_state_dict(state["replay"])
        self.normaliser.load_state_dict(state["normaliser"])
        self.prices.load_state_dict(state["prices"])
        self.episodes, self._unlearned = int(state["episodes"]), int(state["unlearned"])
