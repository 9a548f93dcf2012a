"""What can be removed together: one trace of any network, coupled tensor slices, and why the rest is frozen."""

from cpruner.candidate import FIXED, Candidate, Cut, Labels, Plan, Size, keep_best
from cpruner.space.algebra import Algebra, Counts
from cpruner.space.freeze import freeze
from cpruner.space.group import Across, Frozen, Group, Rewritten
from cpruner.space.module_rule import ModuleCall, ModuleRule
from cpruner.space.ranking import Ranking, magnitude, order, unit_norms
from cpruner.space.rounding import Rounding
from cpruner.space.run import evaluating, untouched
from cpruner.space.scope import Scope
from cpruner.space.selection import Pattern
from cpruner.space.space import PruningSpace
from cpruner.space.trace import trace
from cpruner.space.values import as_inputs, fresh, tensors_of
from cpruner.space.verify import Proof, verify

__all__ = [
    "FIXED",
    "Across",
    "Algebra",
    "Candidate",
    "Counts",
    "Cut",
    "Frozen",
    "Group",
    "Labels",
    "ModuleCall",
    "ModuleRule",
    "Pattern",
    "Plan",
    "Proof",
    "PruningSpace",
    "Ranking",
    "Rewritten",
    "Rounding",
    "Scope",
    "Size",
    "as_inputs",
    "evaluating",
    "freeze",
    "fresh",
    "keep_best",
    "magnitude",
    "order",
    "tensors_of",
    "trace",
    "unit_norms",
    "untouched",
    "verify",
]
