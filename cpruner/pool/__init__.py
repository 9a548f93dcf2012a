"""Workers that judge candidates: in this process, in processes of this machine, or on a Ray cluster."""

from cpruner.pool.spec import Pool
from cpruner.pool.workers import Workers

__all__ = ["Pool", "Workers"]
