"""What a network costs, counted or measured, and budgets: the most that it may cost."""

from cpruner.constraint.budget import Budget as Budget
from cpruner.constraint.budget import check_reachable as check_reachable
from cpruner.constraint.budget import measure_dense as measure_dense
from cpruner.constraint.budget import read as read
from cpruner.constraint.cost import Cost as Cost
from cpruner.constraint.cost import Sample as Sample
from cpruner.constraint.external import External as External
from cpruner.constraint.flops import Flops as Flops
from cpruner.constraint.flops import Macs as Macs
from cpruner.constraint.latency import Latency as Latency
from cpruner.constraint.limit import Limit as Limit
from cpruner.constraint.limit import parse_limit as parse_limit
from cpruner.constraint.params import Params as Params
from cpruner.constraint.reading import Reading as Reading

__all__ = [
    "Budget",
    "Cost",
    "External",
    "Flops",
    "Latency",
    "Limit",
    "Macs",
    "Params",
    "Reading",
    "Sample",
    "check_reachable",
    "measure_dense",
    "parse_limit",
    "read",
]
