"""Published algorithms by name: combinations of the axes of :class:`OnPolicy`.

Every function takes the options of :class:`OnPolicy` and returns it; ``conf/agent`` has the same names.
"""

from typing import Any

from cpruner.agent.on_policy import OnPolicy
from cpruner.agent.update import Clipped


def ppo_lagrangian(**options: Any) -> OnPolicy:
    """PPO on the Lagrangian (Ray, Achiam and Amodei 2019), multipliers by PID control (Stooke et al. 2020)."""
    return OnPolicy(**{"update": Clipped(), **options})
