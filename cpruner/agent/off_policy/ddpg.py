"""Deep deterministic policy gradient as a pruning agent; the learner it builds is in ``ddpg_agent.py``."""

from dataclasses import dataclass
from typing import final

from cpruner.agent.multiplier import PID, MultiplierSpec
from cpruner.agent.off_policy.ddpg_agent import DDPGAgent
from cpruner.cmdp import Problem
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class DDPG:
    """AMC's agent (He et al. 2018, section 3.2; Lillicrap et al. 2016), with multipliers."""

    multiplier: MultiplierSpec = option(PID(), "How multipliers follow violations; a cap of 0 gives none, as AMC.")
    episodes_per_update: int = option(1, "Whole episodes per update.", low=1)
    warmup: int = option(20, "Episodes of uniform random actions before learning.", low=0)
    gradient_steps: int = option(50, "Gradient steps per episode played.", low=1)
    batch: int = option(64, "Steps drawn per gradient step.", low=1)
    capacity: int = option(40, "Steps remembered; whole episodes, the oldest go first.", low=1)
    hidden: list[int] = option([64, 64], "Widths of the hidden layers of actor and critic.")
    gain: float = option(1.0, "Gain of the first layer; large tells neighbouring steps apart at once.", low=0.0)
    actor_lr: float = option(1e-3, "Step size of Adam for the actor.", low=0.0)
    critic_lr: float = option(1e-3, "Step size of Adam for the critic.", low=0.0)
    tau: float = option(0.01, "How far the target networks follow at every gradient step.", low=0.0, high=1.0)
    gamma: float = option(1.0, "Discount of reward and costs in the critic.", low=0.0, high=1.0)
    credit: str = option(
        "all",
        "all: every step is answered for with the totals of its episode (AMC); last: with what it got itself",
        choices=("last", "all"),
    )
    initial_std: float = option(0.5, "Standard deviation of the exploration noise after the warm-up.", low=0.0)
    std_decay: float = option(0.95, "Factor on the noise after every episode.", low=0.0, high=1.0)
    std_floor: float = option(0.0, "Smallest standard deviation the schedule goes to.", low=0.0)
    baseline: float = option(
        0.5,
        "Weight of new episodes in the moving average taken off the totals; 0 takes nothing off.",
        low=0.0,
        high=1.0,
    )
    normalise_observations: bool = option(True, "Normalise observations by the episodes of the warm-up.")
    scale_costs: bool = option(True, "Measure violations in units of their limits.")
    signal_unit: str = option(
        "first",
        "Unit of reward and costs: spread of their totals when learning begins, in the episodes remembered, or 1.",
        choices=("first", "pool", "one"),
    )

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> DDPGAgent:
        """Make the agent.

        Raises:
            InputError: If costs are to be scaled by a limit that is not positive.
        """
        return DDPGAgent(self, problem, seed)
