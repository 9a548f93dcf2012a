"""A candidate is only cut out of the network it was made for."""

from dataclasses import replace
from typing import Any

import pytest
from grid import GRID, grid
from torch import nn

from cpruner.candidate import Candidate, Size, materialise
from cpruner.errors import ArtefactError
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("other", ["flatten", "residual", "channel shuffle"])
def test_a_candidate_of_another_model_is_refused(other: str) -> None:
    net = NET["dense block"]
    candidate = trace(net.build(), net.inputs()).uniform(0.5)
    with pytest.raises(ArtefactError, match="made for another model"):
        materialise(NET[other].build(), candidate)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "stem", nn.Conv2d(3, 9, 3)),
        lambda model: setattr(model, "stem", nn.Linear(3, 7)),
        lambda model: setattr(model, "point", nn.Identity()),
        lambda model: setattr(model.deep, "groups", 4),
        lambda model: delattr(model.deep, "groups"),
        lambda model: delattr(model, "shuffle"),
    ],
)
def test_a_model_that_lacks_a_part_is_refused(change: Any) -> None:
    net = NET["channel shuffle"]
    model = net.build()
    candidate = trace(model, net.inputs()).uniform(0.5)
    change(model)
    with pytest.raises(ArtefactError, match="another model"):
        materialise(model, candidate)


@pytest.mark.parametrize("attribute", ["forward", "__class__", "_modules", "training", "bias", "in_features", "gone"])
@pytest.mark.parametrize("form", ["int", "tuple"])
def test_only_counts_are_patched(attribute: str, form: str) -> None:
    """A plan may come from a file: it must not overwrite anything else."""
    plan = replace(GRID, attributes=(Size("a", attribute, 0, form),))
    with pytest.raises(ArtefactError, match=f"expected 'a.{attribute}' to count 6"):
        materialise(grid(), Candidate(((1,), (0, 2)), plan))


def test_cutting_twice_is_refused() -> None:
    net = NET["residual"]
    model = net.build()
    candidate = trace(model, net.inputs()).uniform(0.5)
    with pytest.raises(ArtefactError, match="is it the dense one"):
        materialise(materialise(model, candidate), candidate)
