"""A module whose forward is a function: the shortest way to write a network for one op."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Function(nn.Module):
    """Calls ``function(self, *inputs)``; modules, parameters and tensors (as buffers) are given by name."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)
        self.double().eval()

    def forward(self, *inputs: Any) -> Any:
        return self.function(self, *inputs)
