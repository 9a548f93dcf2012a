"""Weights that are computed from other parameters in every forward pass."""

from typing import Any

import pytest
from spaces import IMAGE, TOKENS, checked, image_net, members, sizes, token_net
from torch import Tensor, nn
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
