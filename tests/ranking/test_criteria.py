import dataclasses

import pytest
import torch
from rankings import batch, undecided, whole

from cpruner.ranking import CRITERIA, Evidence, Rank, rank


@pytest.fixture(scope="module")
def known() -> Evidence:
    return whole(undecided(), *batch(0, 1, 0))


def test_the_options_name_exactly_the_criteria_there_are() -> None:
    (field,) = (field for field in dataclasses.fields(Rank) if field.name == "criterion")
    assert tuple(CRITERIA) == field.metadata["choices"]
    assert all(criterion.__name__ == name for name, criterion in CRITERIA.items())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", CRITERIA)
def test_the_criterion_asked_for_is_used(name: str, known: Evidence) -> None:
    asked = dataclasses.replace(known, spec=Rank(name))
    assert rank(asked) == CRITERIA[name](asked)


def test_criteria_differ(known: Evidence) -> None:
    found = {name: rank(dataclasses.replace(known, spec=Rank(name, batch_size=1))) for name in ("l1", "taylor", "snip")}
    assert len(set(found.values())) > 1


def test_a_space_takes_the_ranking(known: Evidence) -> None:
    spec = Rank("taylor", batch_size=1)
    space = known.space.ranked(rank(dataclasses.replace(known, spec=spec)))
    assert space.best([1]).kept == ((0,),)
    assert torch.tensor(space.ranking).sort().values.tolist() == [[0, 1, 2]]
