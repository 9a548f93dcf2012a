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
    """Q-learning with a network and a replay (Mnih et al. 2015) over L levels of every action.

    PuRL prunes with discrete actions, and with a reward at every step where the environment gives one (Gupta et al.
    2020). The first ``warmup`` episodes act uniformly at random; then every component takes its best level, or with a
    probability that shrinks with every episode any. With z the reward and costs of a step, in units of their spread
    and relative to their moving average, and primes the target network::

        L(o, a) = Q_r(o, a) - sum_k lambda_k Q_k(o, a)
        a' = argmax_a L'(o', a),   double: a' = argmax_a L(o', a)
        minimise Huber(Q_v(o, a) - y_v),  y_v = z_v + gamma Q'_v(o', a')    for reward and every cost v

    The values of reward and costs are learned apart, so that a new multiplier changes the choice of levels at once.
    Several components a_i have a head each, and Q(o, a) is the mean of their Q_i(o, a_i).

    Where the whole reward comes at the end, credit=episode with gamma=0 is the choice without bootstrapping: Q then
    predicts totals at once, and neither the target network nor ``double`` matters.
    """

    multiplier: MultiplierSpec = option(
        PID(kp=0.5, ki=0.06), "How multipliers follow violations; a cap of 0 gives none."
    )
    levels: int = option(10, "Levels L of every action, evenly spaced from the lowest to 1.", low=2)
    lowest: float = option(0.1, "Lowest level.", low=0.0, high=0.99)
    double: bool = option(True, "The network chooses, its target judges (van Hasselt et al. 2016).")
    episodes_per_update: int = option(1, "Whole episodes per update.", low=1)
    warmup: int = option(20, "Episodes of uniform random actions before learning.", low=0)
    gradient_steps: int = option(25, "Gradient steps per episode played.", low=1)
    batch: int = option(64, "Steps drawn per gradient step.", low=1)
    capacity: int = option(40, "Episodes of full length remembered; the oldest go first.", low=1)
    hidden: list[int] = option([32, 32], "Widths of the hidden layers.")
    gain: float = option(4.0, "Gain of the first layer; large tells neighbouring steps apart at once.", low=0.0)
    lr: float = option(0.003, "Step size of Adam.", low=0.0)
    tau: float = option(0.1, "Part of the way the target network goes at every gradient step.", low=0.0, high=1.0)
    gamma: float = option(1.0, "Discount of reward and costs.", low=0.0, high=1.0)
    credit: str = option(
        "step",
        "What a step is answered for with: its own reward and costs, or the totals of its episode (AMC).",
        choices=("step", "episode"),
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
