"""Adam's moments as plain values; its settings belong to the spec and are not saved."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Adam


def moments(optimiser: Adam) -> dict[str, Any]:
    """Moments by parameter number."""
    state: dict[int, dict[str, Tensor]] = optimiser.state_dict()["state"]
    return {str(index): {name: value.clone() for name, value in entry.items()} for index, entry in state.items()}


def load_moments(optimiser: Adam, state: Mapping[str, Any]) -> None:
    """Continue from ``moments()``."""
    entries = {int(index): {name: value.clone() for name, value in entry.items()} for index, entry in state.items()}
    optimiser.load_state_dict({"state": entries, "param_groups": optimiser.state_dict()["param_groups"]})
