"""What can be removed together: one trace of any network, coupled tensor slices, and why the rest is frozen."""

from cpruner.space.algebra import Algebra, Counts
from cpruner.space.candidate import Candidate, keep_best
from cpruner.space.freeze import freeze
from cpruner.space.group import Frozen, Group
from cpruner.space.plan import FIXED, Cut, Plan, Rewire, Size
from cpruner.space.ranking import Ranking, magnitude, order, unit_norms
from cpruner.space.space import PruningSpace
from cpruner.space.trace import as_inputs, tensors_of, trace, untouched

__all__ = [
    "FIXED",
    "Algebra",
    "Candidate",
    "Counts",
    "Cut",
    "Frozen",
    "Group",
    "Plan",
    "PruningSpace",
    "Ranking",
    "Rewire",
    "Size",
    "as_inputs",
    "freeze",
    "keep_best",
    "magnitude",
    "order",
    "tensors_of",
    "trace",
    "unit_norms",
    "untouched",
]
