"""Which channels of a group go first: criteria from the literature, all with one signature."""

from cpruner.ranking.criteria import CRITERIA, rank
from cpruner.ranking.criterion import Criterion
from cpruner.ranking.elimination import Descent, descents
from cpruner.ranking.evidence import Evidence
from cpruner.ranking.gradient import learning
from cpruner.ranking.spec import Rank

__all__ = ["CRITERIA", "Criterion", "Descent", "Evidence", "Rank", "descents", "learning", "rank"]
