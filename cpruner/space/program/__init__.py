"""Programs: the code that a module gets instead of its own where that states sizes."""

from cpruner.space.program.layout import Layout
from cpruner.space.program.programs import Programs, programs
from cpruner.space.program.stale import stale

__all__ = ["Layout", "Programs", "programs", "stale"]
