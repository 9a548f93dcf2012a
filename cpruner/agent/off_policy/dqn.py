"""Deep Q-learning over levels of a keep ratio; the learner it builds is in ``dqn_agent.py``."""

from dataclasses import dataclass
from typing import final

from cpruner.agent.multiplier import PID, MultiplierSpec
from cpruner.agent.off_policy.dqn_agent import DQNAgent
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class DQN:
    """Q-learning with a network and a replay (Mnih et al. 2015) over levels 0, 1 / (L - 1), ..., 1 of every action.

    PuRL prunes with discrete actions, and with a reward at every step where the environment gives one (Gupta et al.
    2020). The first ``warmup`` episodes act uniformly at random; then every component takes its best level, or with a
    probability that shrinks with every episode any. With z the reward and costs of a step, in units of their spread
    and relative to their moving average, and primes the target network::

        p = (z_r - sum_k lambda_k z_k) / (1 + sum_k lambda_k)
        y = p + gamma max_a Q'(o', a),   double: y = p + gamma Q'(o', argmax_a Q(o', a))
        minimise Huber(Q(o, a) - y)

    The replay keeps reward and costs as they were; they are priced anew with the multipliers of every update.
    Several components a_i have a head each, and Q(o, a) is the mean of their Q_i(o, a_i).

    The defaults were tuned on ``cpruner.testing.Allocation``: 200 episodes of 12-20 steps, one reward at the end.
    """

    multiplier: MultiplierSpec = option(PID(kp=0.5, ki=0.06), "How multipliers follow violations; a cap of 0 gives none.")
    levels: int = option(11, "Levels L of every action, evenly spaced from 0 to 1.", low=2)
    double: bool = option(True, "The network chooses, its target judges (van Hasselt et al. 2016).")
    episodes_per_update: int = option(1, "Whole episodes per update.", low=1)
    warmup: int = option(20, "Episodes of uniform random actions before learning.", low=0)
    gradient_steps: int = option(25, "Gradient steps per episode played.", low=1)
    batch: int = option(64, "Steps drawn per gradient step.", low=1)
    capacity: int = option(40, "Episodes of full length remembered; the oldest go first.", low=1)
    hidden: list[int] = option([32, 32], "Widths of the hidden layers.")
    gain: float = option(4.0, "Gain of the first layer; large tells neighbouring steps apart at once.", low=0.0)
    lr: float = option(0.003, "Step size of Adam.", low=0.0)
    tau: float = option(0.02, "Part of the way the target network goes at every gradient step.", low=0.0, high=1.0)
    gamma: float = option(1.0, "Discount of the penalised reward.", low=0.0, high=1.0)
    credit: str = option(
        "all",
        "all: a step is answered for with the totals of its episode (AMC); last: with its own reward and costs",
        choices=("last", "all"),
    )
    baseline: float = option(
        0.05, "Weight of an update in the moving average taken off totals; 0 takes nothing off.", low=0.0, high=1.0
    )
    initial_epsilon: float = option(0.2, "Probability of a random level after the warm-up.", low=0.0, high=1.0)
    epsilon_decay: float = option(0.98, "Factor on that probability after every episode.", low=0.0, high=1.0)
    epsilon_floor: float = option(0.05, "Smallest probability the schedule goes to.", low=0.0, high=1.0)
    normalise_observations: bool = option(True, "Normalise observations by the episodes of the warm-up.")
    scale_costs: bool = option(True, "Measure violations in units of their limits.")
    signal_unit: str = option(
        "first",
        "Unit of reward and costs: spread of their totals when learning begins, in the episodes remembered, or 1.",
        choices=("first", "pool", "one"),
    )

    def __post_init__(self) -> None:
        check(self)
        if not all(width >= 1 for width in self.hidden):
            raise InputError(
                "DQN.hidden", expected="positive widths", got=repr(self.hidden), remedy="[] makes Q linear."
            )

    def build(self, problem: Problem, seed: int) -> DQNAgent:
        """Make the agent.

        Raises:
            InputError: If costs are to be scaled by a limit that is not positive.
        """
        return DQNAgent(self, problem, seed)
