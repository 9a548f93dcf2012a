"""Weights that are computed from other parameters in every forward pass."""

from typing import Any

import pytest
import torch
from spaces import IMAGE, TOKENS, checked, image_net, members, programs, reason, sizes, token_net
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm
from torch.nn.utils.parametrize import register_parametrization


def doubled() -> nn.Module:
    class Twice(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return 2 * weight

    conv = nn.Conv2d(8, 6, 3)
    register_parametrization(conv, "weight", Twice())
    return conv


def sparse() -> nn.Module:
    conv = nn.Conv2d(8, 6, 3)
    prune.l1_unstructured(conv, "weight", 0.5)
    return conv


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: weight_norm(nn.Conv2d(8, 6, 3)),
        lambda: weight_norm(nn.Conv2d(8, 6, 3), dim=1),
        lambda: nn.utils.weight_norm(nn.Conv2d(8, 6, 3)),
        lambda: spectral_norm(nn.Conv2d(8, 6, 3)),
        lambda: old_spectral_norm(nn.Conv2d(8, 6, 3)),
        doubled,
        sparse,
    ],
)
def test_weights_computed_from_others(make: Any) -> None:
    space = checked(image_net(make(), 6), IMAGE)
    assert sizes(space) == {"a": 8, "middle": 6, "b": 4}


@pytest.mark.parametrize(
    "make", [lambda: weight_norm(nn.Conv2d(8, 6, 3), dim=None), lambda: orthogonal(nn.Conv2d(8, 6, 1))]
)
def test_weights_that_mix_all_their_numbers_are_cut_or_explained(make: Any) -> None:
    space = checked(image_net(make(), 6), IMAGE)
    assert "b" in sizes(space)
    assert sum(sizes(space).values()) in (4, 18)


def test_weight_norm_of_a_linear_layer() -> None:
    space = checked(token_net(weight_norm(nn.Linear(8, 7)), 7), TOKENS)
    assert sizes(space) == {"a": 8, "middle": 7}
    assert "middle.parametrizations.weight.original0[0]" in members(space, "middle")


class Normed(nn.Conv2d):
    """Standardises its weight with batch norm, as timm does; ``stated`` writes the shape out."""

    stated = False

    def forward(self, x: Tensor) -> Tensor:
        """Convolution with a weight of mean zero and variance one per output."""
        weight = self.weight.reshape(1, self.out_channels, -1)
        weight = functional.batch_norm(weight, None, None, training=True, momentum=0.0, eps=1e-6)
        weight = weight.reshape(6, 8, *self.kernel_size) if self.stated else weight.reshape_as(self.weight)
        return self._conv_forward(x, weight, self.bias)


class Scaled(nn.Conv2d):
    """The same with a gain per output and a scale of the dense number of inputs."""

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.gain, self.scale = nn.Parameter(torch.ones(sizes[1], 1, 1, 1)), self.weight[0].numel() ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        """Convolution with a weight of mean zero and variance gain^2 scale^2 per output."""
        rows, gain = self.weight.reshape(1, self.out_channels, -1), (self.gain * self.scale).view(-1)
        weight = functional.batch_norm(rows, None, None, weight=gain, training=True, momentum=0.0, eps=1e-6)
        return functional.conv2d(x, weight.reshape_as(self.weight), self.bias, self.stride, self.padding)


class Means(nn.Conv2d):
    """The same with means and variances."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolution with a weight of mean zero and variance one per output."""
        var, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        return self._conv_forward(x, (self.weight - mean) / (var + 1e-6).sqrt(), self.bias)


class Spread(nn.Conv2d):
    """The same over the flattened weight, as the first implementations do."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolution with a weight of mean zero and variance one per output."""
        weight = self.weight - self.weight.mean(1, keepdim=True).mean(2, keepdim=True).mean(3, keepdim=True)
        std = weight.view(weight.size(0), -1).std(1).view(-1, 1, 1, 1) + 1e-5
        return self._conv_forward(x, weight / std, self.bias)


STANDARDISED = [Normed, Scaled, Means, Spread]


@pytest.mark.parametrize("kind", STANDARDISED)
def test_standardised_weights_are_standardised_over_the_inputs_that_are_kept(kind: Any) -> None:
    space = checked(image_net(lambda s, h: s.c(h.relu()), 6, c=kind(8, 6, 3)), IMAGE)
    assert sizes(space) == {"a": 8, "c": 6, "b": 4}
    assert programs(space) == set()


@pytest.mark.parametrize("kind", [Normed, Scaled])
def test_activations_that_make_something_of_a_removed_channel(kind: Any) -> None:
    space = checked(image_net(lambda s, h: s.c(h.sigmoid()), 6, c=kind(8, 6, 3)), IMAGE)
    assert sizes(space) == {"a": 8, "c": 6, "b": 4}


@pytest.mark.parametrize("kind", [*STANDARDISED[:2], Spread])
def test_one_number_has_no_spread(kind: Any) -> None:
    """Two inputs of a 1 x 1 convolution have to stay: the pinned one, and one of the seven of the group."""
    space = checked(image_net(kind(8, 6, 1), 6), IMAGE)
    assert sizes(space) == {"a": 7, "middle": 6, "b": 4}
    assert "needs two channels" in reason(space, "middle.weight[1]")
    assert "needs two channels" in reason(space)


@pytest.mark.parametrize("groups", [2, 8])
def test_standardised_weights_of_groups(groups: int) -> None:
    space = checked(image_net(Normed(8, 8, 3, groups=groups)), IMAGE)
    expected = {"a": 8} if groups == 8 else {"a#1": 4, "a#2": 2, "middle": 4}
    assert sizes(space) == {**expected, "b": 4}


def test_a_weight_whose_shape_is_written_out_gets_a_program() -> None:
    class Stated(Normed):
        stated = True

    space = checked(image_net(lambda s, h: s.c(h.relu()), 6, c=Stated(8, 6, 3)), IMAGE)
    assert sizes(space) == {"a": 8, "c": 6, "b": 4}
    assert programs(space) == {"c"}
