"""Small networks of one attention, for tests."""

from typing import Any

from spaces import seeded
from torch import Tensor, nn
from torch.nn import functional

sdpa = functional.scaled_dot_product_attention


def heads(tokens: Tensor, count: int) -> Tensor:
    return tokens.unflatten(-1, (count, -1)).transpose(1, 2)


def attention(function: Any, count: int = 2, value: int = 12, **parts: Any) -> nn.Module:
    """Queries and keys of 8, values of ``value`` dimensions in ``count`` heads; ``function(s, q, k, v)``."""

    def forward(self: Any, x: Tensor) -> Tensor:
        found = function(self, *(heads(layer(x), count) for layer in (self.q, self.k, self.v)))
        return self.o(found.transpose(1, 2).flatten(2))

    own = {"q": nn.Linear(6, 8), "k": nn.Linear(6, 8), "v": nn.Linear(6, value), "o": nn.Linear(value, 2)}
    return seeded(forward, **{**own, **parts})
