import pytest
import torch

from cpruner.agent import Attention
from cpruner.agent.sequences import Sequences
from cpruner.errors import InputError


def test_the_block_by_hand():
    encoder = Attention(width=4, heads=2).build(3, 5, torch.Generator().manual_seed(0))
    seen = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = encoder.enter(seen)
    asked = encoder.ask(encoder.normal[0](x))
    heard = []
    for head in range(2):
        query, key, value = asked[:, 6 * head : 6 * head + 6].split(2, dim=1)
        scores = (query @ key.T / 2**0.5).masked_fill(torch.ones(3, 3).triu(1).bool(), -torch.inf)
        heard.append(scores.softmax(1) @ value)
    x = x + encoder.answer(torch.cat(heard, 1))
    x = x + encoder.narrow(torch.tanh(encoder.widen(encoder.normal[1](x))))
    assert torch.allclose(encoder(Sequences.of([seen])), torch.tanh(x))


def test_heads_divide_the_width():
    with pytest.raises(InputError, match=r"Attention\.heads: expected a divisor of the width 32, got 5"):
        Attention(heads=5)
