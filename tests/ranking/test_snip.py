import torch
from rankings import batch, evidence, undecided

from cpruner.ranking.snip import snip

ONE = torch.ones(1, 1, dtype=torch.float64)


def test_by_hand() -> None:
    """3/2 + 0 + 3/2, 1 + 2 + 1 and 1/2 + 1/2 + 0."""
    assert snip(evidence(undecided(), ONE, batch(0))) == ((1, 0, 2),)


def test_all_images_are_one_batch_however_they_are_worked_through() -> None:
    """Two of label 0 and one of label 1 leave a third of the gradient; one of each leaves none, so the order stays."""
    for size in (1, 2, 3):
        assert snip(evidence(undecided(), ONE, batch(0, 0, 1), batch_size=size)) == ((1, 0, 2),)
        assert snip(evidence(undecided(), ONE, batch(0, 1), batch_size=size)) == ((0, 1, 2),)


def test_no_more_images_than_asked_for() -> None:
    assert snip(evidence(undecided(), ONE, batch(0, 1), images=1)) == ((1, 0, 2),)
