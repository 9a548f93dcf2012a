import dataclasses

import pytest
import torch
from rankings import batch, evidence, undecided

from cpruner.ranking import Evidence, Rank


def test_a_network_and_its_space_are_enough() -> None:
    known = evidence(undecided(), torch.ones(1, 1, dtype=torch.float64))
    bare = Evidence(known.model, known.space)
    assert (bare.statistics, tuple(bare.batches), bare.spec) == (None, (), Rank())


def test_it_is_frozen_and_prints_no_data() -> None:
    known = evidence(undecided(), torch.ones(1, 1, dtype=torch.float64), batch(0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        known.spec = Rank("l1")  # type: ignore[misc]
    assert "tensor(" not in repr(known)
