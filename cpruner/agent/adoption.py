"""Weights of one agent as the first weights of another."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from cpruner.errors import InputError


def adopt(modules: Mapping[str, nn.Module], state: Mapping[str, Any]) -> None:
    """Load the parts of an agent's state that belong to modules, all of them or none.

    Args:
        modules: Modules by the name of their part.
        state: ``state_dict()`` of the other agent.

    Raises:
        InputError: A part is missing, or has other shapes.
    """
    for part, module in modules.items():
        ours = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        theirs = {name: tuple(value.shape) for name, value in state.get(part, {}).items()}
        if ours != theirs:
            raise InputError(
                f"{part} to begin with",
                expected=f"weights of shapes {ours}",
                got=theirs or "none",
                remedy="Take the policy of a search by the same agent with as many budgets; a policy that counts the "
                "steps (encoder Table) fits networks with as many groups only.",
            )
    for part, module in modules.items():
        module.load_state_dict(state[part])
