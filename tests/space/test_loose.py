from typing import Any

import pytest
import torch
from spaces import TOKENS, checked, members, reason, seeded, sizes, token_net
from torch import Tensor, nn

LEFT_OUT = "no other tensor shares it: the code leaves it out for these inputs, or sums it up"


def test_positions_beyond_the_example_stay_for_longer_inputs() -> None:
    """A table of eight positions, of which five tokens read five."""
    model = token_net(lambda s, h: h + s.position[: h.shape[1]], position=nn.Parameter(torch.ones(8, 8)))
    space = checked(model, TOKENS)
    assert members(space, "a") == {"a.weight[0]", "a.bias[0]", "position[1]", "fc.weight[1]"}
    (entry,) = [entry for entry in space.frozen if (entry.tensor, entry.axis) == ("position", 0)]
    assert (entry.size, entry.kept) == (8, 8)


def test_a_mask_that_is_larger_than_the_example() -> None:
    def masked(self: Any, h: Tensor) -> Tensor:
        weights = (h @ h.transpose(1, 2)).masked_fill(~self.mask[: h.shape[1], : h.shape[1]], -9.0).softmax(-1)
        return weights @ h

    space = checked(token_net(masked, mask=torch.ones(9, 9).tril().bool()), TOKENS)
    assert sizes(space) == {"a": 8}


def test_a_parameter_that_is_summed_up_by_itself_stays() -> None:
    space = checked(token_net(lambda s, h: h * s.scale.sum(), scale=nn.Parameter(torch.ones(4))), TOKENS)
    assert sizes(space) == {"a": 8}
    assert reason(space, "scale[0]") == LEFT_OUT


def test_outputs_that_nobody_reads_may_go() -> None:
    """They cost something, and are made by a layer."""
    model = seeded(lambda s, x: s.fc(s.a(x)[..., :5]), a=nn.Linear(6, 8, bias=False), fc=nn.Linear(5, 2))
    assert sorted(sizes(checked(model, TOKENS)).values()) == [3, 5]


@pytest.mark.parametrize("weight", ["upper", "lower"])
def test_both_halves_of_a_weight_that_is_sliced_are_read(weight: str) -> None:
    def halves(self: Any, h: Tensor) -> Tensor:
        upper, lower = self.w[:8] @ h.transpose(1, 2), self.w[8:] @ h.transpose(1, 2)
        return (upper * lower.sigmoid() if weight == "upper" else lower * upper.sigmoid()).transpose(1, 2)

    space = checked(token_net(halves, w=nn.Parameter(torch.ones(16, 8))), TOKENS)
    assert sizes(space) == {"a": 8, "w": 8}
