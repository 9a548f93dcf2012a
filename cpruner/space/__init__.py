"""What can be removed together: one trace of any network, coupled tensor slices, and why the rest is frozen."""

from cpruner.candidate import FIXED, Candidate, Cut, Labels, Plan, Size, keep_best
from cpruner.space.algebra import Algebra, Counts
from cpruner.space.fingerprint import fingerprint
from cpruner.space.freeze import freeze
from cpruner.space.group import Across, Frozen, Group, Rewritten
from cpruner.space.proof import Proof, verify
from cpruner.space.ranking import Ranking, magnitude, order, unit_norms
from cpruner.space.rounding import Rounding
from cpruner.space.run import ModuleCall, ModuleRule, as_inputs, evaluating, fresh, tensors_of, untouched
from cpruner.space.scope import Scope
from cpruner.space.selection import Pattern
from cpruner.space.space import PruningSpace
from cpruner.space.trace import trace

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
    "fingerprint",
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
