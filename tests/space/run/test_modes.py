from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cpruner.space.run.modes import asked, attention_dropout

sdpa = functional.scaled_dot_product_attention


class Attention(nn.Module):
    """A layer with dropout, as a number and as a module."""

    def __init__(self) -> None:
        super().__init__()
        self.p, self.drop = 0.25, nn.Dropout(0.5)


class Module(Attention):
    def forward(self, x: Tensor) -> Tensor:
        return sdpa(x, x, x, dropout_p=self.drop.p if self.training else 0.0)


class Number(Attention):
    def forward(self, x: Tensor) -> Tensor:
        p = 0 if not self.training else self.p
        return sdpa(x, x, x, None, p) + sdpa(x, x, x, dropout_p=p)


class Literal(Attention):
    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x)

    def attend(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x, x, dropout_p=0.1 if self.training else 0.0)


class Never(Attention):
    def forward(self, x: Tensor) -> Tensor:
        return sdpa(x, x, x) + sdpa(x, x, x, dropout_p=0.0)


class Two(Attention):
    def forward(self, x: Tensor) -> Tensor:
        first = sdpa(x, x, x, dropout_p=self.p if self.training else 0.0)
        return first + sdpa(x, x, x, dropout_p=self.drop.p if self.training else 0.0)


class Odd(Attention):
    def forward(self, x: Tensor) -> Tensor:
        return sdpa(x, x, x, dropout_p=self.p * self.training)


class Missing(Attention):
    def forward(self, x: Tensor) -> Tensor:
        return sdpa(x, x, x, dropout_p=self.nowhere.p if self.training else 0.0)


@pytest.mark.parametrize(
    ("kind", "dropout", "untold"),
    [(Module, 0.5, 0), (Number, 0.25, 0), (Literal, 0.1, 0), (Never, 0, 0), (Two, 0, 2), (Odd, 0, 1), (Missing, 0, 0)],
)
def test_dropout_of_attention(kind: Any, dropout: float, untold: int) -> None:
    assert attention_dropout(kind()) == dropout
    assert asked(kind).untold == untold


class Told(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(functional.dropout2d(x, 0.5, self.training), training=self.training)


class Auxiliary(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.more(x) if self.training else x

    def more(self, x: Tensor) -> Tensor:
        return x if self.training else -x

    def unused(self, x: Tensor) -> Tensor:
        return x if self.training else -x


class Inherits(Auxiliary):
    pass


def test_code_that_does_something_else_in_training_mode() -> None:
    assert asked(Told).untold == 0
    assert asked(Auxiliary).untold == 2
    assert asked(Inherits).untold == 2


@pytest.mark.parametrize("kind", [nn.MultiheadAttention, nn.Dropout, nn.BatchNorm2d, nn.TransformerEncoderLayer])
def test_torch_is_taken_at_its_word(kind: Any) -> None:
    assert asked(kind).untold == 0


def test_code_without_source_is_suspected_if_it_names_the_mode() -> None:
    space: dict[str, Any] = {"nn": nn}
    exec("class Hidden(nn.Module):\n  def forward(self, x):\n    return x if self.training else -x\n", space)  # noqa: S102
    exec("class Plain(nn.Module):\n  def forward(self, x):\n    return -x\n", space)  # noqa: S102
    assert asked(space["Hidden"]).untold == 1
    assert asked(space["Plain"]).untold == 0
    assert attention_dropout(space["Hidden"]()) == 0
    assert torch.equal(space["Plain"]()(torch.ones(1)), -torch.ones(1))
