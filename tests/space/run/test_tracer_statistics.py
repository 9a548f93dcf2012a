import pytest
import torch
from torch import nn

from cpruner.space.label.sheet import along
from cpruner.space.rule import RULES, pointwise
from cpruner.space.run.tracer import Call, Norm, Tracer


@pytest.fixture
def tracer() -> Tracer:
    return Tracer(nn.Identity(), RULES, pointwise)


def test_three_planes_that_share_an_axis_become_one_with_three_factors(tracer: Tracer) -> None:
    """Inputs and places of the window laid side by side; taken apart again there are three axes, not two."""
    parts = [along(tracer.sheet.fresh(2), axis, 3) for axis in range(3)]
    tracer.assign(tensor := torch.zeros(1, 8), tuple(along(p.expand(2, 2, 2).flatten(), 1, 2) for p in parts))
    assert len(tracer.planes(tensor)) == 1
    ((_, factors),) = tracer.sheet.definitions
    assert [factor.tolist() for factor in factors] == [
        [1, 1, 1, 1, 2, 2, 2, 2],
        [3, 3, 4, 4, 3, 3, 4, 4],
        [5, 6, 5, 6, 5, 6, 5, 6],
    ]


def test_an_op_in_a_form_without_a_rule_still_has_its_turn_among_the_statistics() -> None:
    def fails(_tracer: Tracer, _call: Call) -> None:
        raise ValueError("unknown form")

    own = Tracer(nn.Identity(), {"mean": fails}, fails)
    with own:
        torch.zeros(2, 3).mean(1)
    assert own.norms == [Norm()]
