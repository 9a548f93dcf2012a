"""What every criterion is: a function from evidence to an order."""

from typing import Protocol

from cpruner.ranking.evidence import Evidence
from cpruner.space import Ranking


class Criterion(Protocol):
    """Orders the channels of every group of a network."""

    def __call__(self, evidence: Evidence, /) -> Ranking:
        """Rank every group, most important channel first.

        Args:
            evidence: The network, which is afterwards as before, and what is known of it.

        Raises:
            InputError: The criterion needs images, labels or statistics that are not there.
        """
        ...
