"""Labels: which slices of which tensors are one, which follow from others, and the groups they form."""

from cpruner.space.label.partition import Partition, partition, stacked
from cpruner.space.label.resolve import Resolution, resolve
from cpruner.space.label.sheet import FIXED, Planes, Sheet, along, compact, plane_of, support
from cpruner.space.label.table import Table

__all__ = [
    "FIXED",
    "Partition",
    "Planes",
    "Resolution",
    "Sheet",
    "Table",
    "along",
    "compact",
    "partition",
    "plane_of",
    "resolve",
    "stacked",
    "support",
]
