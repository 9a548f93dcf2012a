"""The policy of one search as the first policy of another, also on another network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cpruner.errors import InputError
from cpruner.search import Checkpoint


@runtime_checkable
class Adopter(Protocol):
    """An agent that can begin with what another one has learned."""

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over the weights of another agent of the same kind, and nothing else."""
        ...

    def restart(self, exploration: float) -> None:
        """Keep what was learned, forget what was played."""
        ...


def transfer(agent: object, checkpoint: Path, constraints: tuple[str, ...], exploration: float) -> None:
    """Give a fresh agent the policy, critic and scale of observations of a finished or interrupted search.

    Observations mean the same on every network (``cpruner.env.observation``), so its number of groups may differ. The
    budgets must have the same names in the same order, as the last entries of an observation belong to them; their
    limits may differ. Multipliers, the moments of optimisers, remembered episodes and the random state stay those of
    the fresh agent.

    Args:
        agent: Fresh, with the same hyper-parameters of encoder and policy.
        checkpoint: The checkpoint file of the earlier search.
        constraints: Names of the budgets at hand.
        exploration: Share of the initial exploration to begin with.

    Raises:
        CheckpointError: There is no such file, or it is damaged.
        InputError: The agent has no policy to be replaced, or the two do not fit together; it is left as it was.
    """
    if not isinstance(agent, Adopter):
        raise InputError(
            "policy to begin with",
            expected="an agent with a policy that can be replaced, such as PPO-Lagrangian",
            got=type(agent).__name__,
            remedy="Choose another agent, or let this one begin anew.",
        )
    found = Checkpoint.load(checkpoint, {}, lambda record: record)
    theirs = found.identity.get("constraints", constraints)
    if tuple(theirs) != tuple(constraints):
        raise InputError(
            f"policy of {checkpoint}",
            expected=f"one that has learned under budgets named {', '.join(constraints)}, in this order",
            got=", ".join(theirs),
            remedy="Give as many budgets as there, with the same names in the same order; limits may differ.",
        )
    agent.adopt(found.agent)
    agent.restart(exploration)
