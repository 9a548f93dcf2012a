"""Modules that state a size, so that they get a program, and drop in every way there is."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Linear 6 -> 8, something that states a size and drops, linear to 2."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p
        self.fc, self.out, self.drop = nn.Linear(6, 8), nn.Linear(8, 2), nn.Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        """``out(step(shuffled(fc(x))))``."""
        h = self.fc(x)
        h = h.view(*h.shape[:2], 2, 4).transpose(2, 3).reshape(h.shape)
        out: Tensor = self.out(self.step(h))
        return out

    def step(self, h: Tensor) -> Tensor:
        """Dropout as a function."""
        return functional.dropout(h, self.p, self.training)


class Inner(Block):
    def step(self, h: Tensor) -> Tensor:
        dropped: Tensor = self.drop(h)
        return dropped


class InPlace(Block):
    def step(self, h: Tensor) -> Tensor:
        functional.dropout(h, self.p, self.training, inplace=True)
        return h


class Torch(Block):
    def step(self, h: Tensor) -> Tensor:
        return torch.dropout(h, p=self.p, train=self.training)


class Alpha(Block):
    def step(self, h: Tensor) -> Tensor:
        return functional.alpha_dropout(h, self.p, self.training)


class Between(Block):
    """Drops half way through a shuffle, where what is kept is no block."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc(x)
        h = functional.dropout(h.view(*h.shape[:2], 2, 4), self.p, self.training).transpose(2, 3).reshape(h.shape)
        out: Tensor = self.out(h)
        return out


class Fused(Block):
    def step(self, h: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(h, h, h, dropout_p=self.drop.p if self.training else 0.0)


class Weights(Block):
    def __init__(self, p: float = 0.5, weights: bool = True) -> None:
        super().__init__()
        self.attention, self.weights = nn.MultiheadAttention(8, 2, dropout=p, batch_first=True), weights

    def step(self, h: Tensor) -> Tensor:
        out: Tensor = self.attention(h, h, h, need_weights=self.weights)[0]
        return out


class Plain(Weights):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p, weights=False)


KINDS = [Block, Inner, InPlace, Torch, Alpha, Between, Fused, Weights, Plain]


class Shuffling(nn.Module):
    """Runs on two shapes, so that it is written out in the module around it."""

    def forward(self, h: Tensor) -> Tensor:
        return functional.dropout(h.view(*h.shape[:-1], 2, 4).transpose(-2, -1).reshape(h.shape), 0.5, self.training)


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.inner, self.out = nn.Linear(6, 8), Shuffling(), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc(x)
        return self.out(self.inner(h) + self.inner(h.mean(1))[:, None])  # type: ignore[no-any-return]


class Depth(Block):
    """Stochastic depth, written out."""

    def step(self, h: Tensor) -> Tensor:
        return h * torch.rand(()) if self.training else h
