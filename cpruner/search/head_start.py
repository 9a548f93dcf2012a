"""What a search is told before it judges anything."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.agent.warm_up import Imitator, Learner, WarmUp
from cpruner.cmdp import Agent
from cpruner.env import PruningEnv
from cpruner.search.assistant import Assistant, Assisting
from cpruner.search.warm_start import solutions, warm_start
from cpruner.surrogate import Surrogate

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class HeadStart:
    """Gives every agent the help it can take.

    Args:
        warm_up: How an agent is prepared on the surrogate.
        assistant: Which proposals are judged.
        surrogate: Of the network; it is made when somebody needs it.
    """

    warm_up: WarmUp
    assistant: Assistant
    surrogate: Callable[[], Surrogate]

    def helps(self, agent: Agent) -> bool:
        """Whether there is anything to give to an agent."""
        learns = isinstance(agent, Learner)
        return (self.warm_up.enabled and (learns or isinstance(agent, Imitator))) or (learns and self.assistant.chooses)

    def give(self, agent: Agent, env: PruningEnv) -> Assisting | None:
        """Prepare an agent, and hand over what chooses among its proposals.

        Masks are left alone: the surrogate knows how many channels are kept, not which.

        Args:
            agent: Is prepared in place.
            env: The environment it will search in.

        Returns:
            What to pass to ``search``.

        Raises:
            InfeasibleError: The narrowest network exceeds a counted budget.
        """
        if not self.helps(agent) or env.actions.masks:
            return None
        made = self.surrogate()
        shown: list[Array] = []
        if self.warm_up.enabled:
            solution_NGA = solutions(env, made)
            warm_start(agent, env, made, self.warm_up, solution_NGA)
            # with drawn budgets an episode is seldom for the budget of a solution
            shown = list(solution_NGA) if self.warm_up.imitation and env.options.tightest == 1.0 else []
        if not isinstance(agent, Learner):
            return None

        def prior(ratio_NG: Array) -> Array:
            return -made.predict(env.space.widths_of(ratio_NG))

        def flops(ratio_NG: Array) -> Array:
            return env.space.algebra.count(env.space.widths_of(ratio_NG))["flops"]

        return Assisting(self.assistant, prior, solutions=shown, flops=flops)
