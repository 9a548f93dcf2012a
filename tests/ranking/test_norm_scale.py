from collections import OrderedDict

import pytest
import torch
from rankings import evidence
from torch import Tensor, nn

from cpruner.ranking.joint import joint
from cpruner.ranking.norm_scale import norm_scale
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def normalised(norm: nn.Module, *scales: float) -> nn.Module:
    model = nn.Sequential(OrderedDict(a=nn.Conv2d(3, len(scales), 1), norm=norm, b=nn.Conv2d(len(scales), 2, 1)))
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(scales))
    return model.eval()


def test_by_hand() -> None:
    """Scales -3, 0.5 and 2, whatever the weights are."""
    model = normalised(nn.BatchNorm2d(3), -3.0, 0.5, 2.0)
    assert norm_scale(evidence(model, torch.ones(1, 3, 4, 4))) == ((0, 2, 1),)


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 4), nn.InstanceNorm2d(4, affine=True)])
def test_other_norms_have_scales_too(norm: nn.Module) -> None:
    model = normalised(norm, 1.0, -4.0, 2.0, 3.0)
    image = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert norm_scale(evidence(model, image)) == ((1, 3, 2, 0),)


def test_several_norms_of_one_stream_are_added() -> None:
    """Layer norms ahead of a block and of the head: 1 + 5, 2 + 2, 3 + 0."""

    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.inner, self.head = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 2)
            self.first, self.last = nn.LayerNorm(3), nn.RMSNorm(3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.stem(x)
            out: Tensor = self.head(self.last(h + self.inner(self.first(h))))
            return out

    model = Stream()
    with torch.no_grad():
        model.first.weight.copy_(torch.tensor([1.0, -2.0, 3.0]))
        model.last.weight.copy_(torch.tensor([5.0, 2.0, 0.0]))
    assert norm_scale(evidence(model, torch.ones(2, 2))) == ((0, 1, 2),)


def test_a_norm_across_a_concatenation_gives_each_group_its_part() -> None:
    model = NET["dense block"].build()
    with torch.no_grad():
        model.bn.weight.copy_(torch.tensor([*range(6), *range(4, 0, -1), 1.0, 3.0, 2.0, 4.0]))
    found = norm_scale(evidence(model, NET["dense block"].inputs()))
    assert found == ((5, 4, 3, 2, 1, 0), (0, 1, 2, 3), (3, 1, 2, 0))


def test_groups_without_a_norm_are_ranked_jointly() -> None:
    net = NET["depthwise"]
    known = evidence(net.build(), net.inputs())
    scales = known.model.bn.weight.abs()
    first, *others = norm_scale(known)
    assert first == tuple(scales.argsort(descending=True).tolist())
    assert tuple(others) == joint(known)[1:]


def test_a_norm_without_a_scale_is_none() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False), nn.Conv2d(4, 2, 1)).eval()
    known = evidence(model, torch.ones(1, 3, 4, 4))
    assert norm_scale(known) == joint(known)
