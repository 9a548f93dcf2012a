import pytest
import torch
from torch import nn

import cpruner
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def attention() -> tuple[nn.Module, torch.Tensor]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Linear(5, 24), nn.Linear(24, 3)
            self.attend = nn.MultiheadAttention(24, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.stem(x)
            return self.head(self.attend(h, h, h)[0].mean(1))

    return Net().double().eval(), torch.linspace(-1, 1, 35, dtype=torch.float64).reshape(1, 7, 5)


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_heads_and_width_of_torch_attention_are_those_that_stay(ratio: float) -> None:
    model, x = attention()
    space = cpruner.trace(model, x)
    small = cpruner.materialise(model, space.uniform(ratio))
    assert small.attend.num_heads == round(4 * ratio)
    assert small.attend.head_dim == round(6 * ratio)
    assert small.attend.embed_dim == round(24 * ratio) == small.stem.out_features
    assert (model.attend.num_heads, model.attend.embed_dim) == (4, 24)


def test_a_module_with_its_own_code_keeps_its_attributes() -> None:
    model, x = attention()
    model.stem.num_heads = 24
    small = cpruner.materialise(model, cpruner.trace(model, x).uniform(0.5))
    assert small.stem.num_heads == 24
