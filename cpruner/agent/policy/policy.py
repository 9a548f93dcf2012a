"""An encoder and a head.

Axis letters: N episodes, B steps of all episodes together.
"""

from typing import final

import torch
from torch import nn

from cpruner.agent.encoder import EncoderSpec
from cpruner.agent.policy.head import HeadSpec
from cpruner.agent.policy.law import Law
from cpruner.agent.sequences import Sequences
from cpruner.cmdp import Problem


@final
class Policy(nn.Module):
    """From the observations of episodes to laws over actions.

    Args:
        problem: Sizes of observation and action, longest episode.
        encoder: Observations -> features.
        head: Features -> laws.
        generator: Source of the initial weights.
    """

    def __init__(self, problem: Problem, encoder: EncoderSpec, head: HeadSpec, generator: torch.Generator) -> None:
        super().__init__()
        self.encoder = encoder.build(problem.observation_size, problem.horizon, generator)
        self.head = head.build(self.encoder.size, problem.action_size, generator)

    @property
    def remembers(self) -> bool:
        """Whether it has to see the earlier steps of an episode."""
        return self.encoder.remembers

    def forward(self, seen: Sequences) -> Law:
        """The law at all B steps."""
        return self.head(self.encoder(seen))

    def last(self, seen: Sequences) -> Law:
        """The law at the last step of each of N episodes."""
        return self.head(self.encoder(seen)[seen.last_N])

    def restart(self, share: float) -> None:
        """Explore as much as a share of what it began with."""
        self.head.restart(share)

    def anneal(self) -> None:
        """Explore less, on the schedule of the head."""
        self.head.anneal()
