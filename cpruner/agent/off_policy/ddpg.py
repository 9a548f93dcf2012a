"""Deep deterministic policy gradient, AMC's agent; the learner it builds is in ``ddpg_agent.py``."""

from dataclasses import dataclass
from typing import final

from cpruner.agent.multiplier import PID, MultiplierSpec
from cpruner.agent.off_policy.ddpg_agent import DDPGAgent
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class DDPG:
    """A deterministic actor that climbs a critic (Lillicrap et al. 2016), as AMC prunes (He et al. 2018, section 3.2).

    The first ``warmup`` episodes act uniformly at random. Then, with mu the actor, Q the critic, primes their targets
    and z the reward and costs of a step, in units of their spread and relative to their moving average::

        a ~ truncated normal on [0, 1] around mu(o), its deviation shrinking with every episode
        critic: minimise (Q_v(o, a) - y_v)^2,  y_v = z_v + gamma Q'_v(o', mu'(o'))    for reward and every cost v
        actor:  maximise (Q_r(o, mu(o)) - sum_k lambda_k Q_k(o, mu(o))) / (1 + sum_k lambda_k)

    One critic has 1 + K outputs: the values of reward and costs do not depend on lambda, so that a new multiplier is
    felt at once; a critic of the penalised reward would first have to be learned anew.

    AMC's own options are gamma=1, baseline=0.5, warmup=100, initial_std=0.5, std_decay=0.95, std_floor=0, capacity=100,
    hidden=[300, 300], actor_lr=1e-4, critic_lr=1e-3, tau=0.01, one gradient step per step played, and no multipliers
    (a cap of 0), as its environment clips actions to the budget.

    The defaults were tuned on ``cpruner.testing.Allocation``: 200 episodes of 12-20 steps, one reward at the end.
    There a replay of few episodes is worth most, as what a step leads to depends on the policy of all other steps.
    """

    multiplier: MultiplierSpec = option(
        PID(kp=0.5, ki=0.06), "How multipliers follow violations; a cap of 0 gives none."
    )
    episodes_per_update: int = option(1, "Whole episodes per update.", low=1)
    warmup: int = option(20, "Episodes of uniform random actions before learning.", low=0)
    gradient_steps: int = option(25, "Gradient steps per episode played.", low=1)
    batch: int = option(64, "Steps drawn per gradient step.", low=1)
    capacity: int = option(40, "Episodes of full length remembered; the oldest go first.", low=1)
    hidden: list[int] = option([32, 32], "Widths of the hidden layers of actor and critic.")
    gain: float = option(4.0, "Gain of the first layers; large tells neighbouring steps apart at once.", low=0.0)
    actor_lr: float = option(0.001, "Step size of Adam for the actor.", low=0.0)
    critic_lr: float = option(0.003, "Step size of Adam for the critic.", low=0.0)
    tau: float = option(0.02, "Part of the way target networks go at every gradient step.", low=0.0, high=1.0)
    gamma: float = option(
        0.0, "Discount in the critic; 0 with credit episode: it predicts totals at once.", low=0.0, high=1.0
    )
    credit: str = option(
        "episode",
        "What a step is answered for with: its own reward and costs, or the totals of its episode (AMC).",
        choices=("step", "episode"),
    )
    baseline: float = option(
        0.05, "Weight of an update in the moving average taken off totals; 0 takes nothing off.", low=0.0, high=1.0
    )
    initial_std: float = option(0.4, "Standard deviation of the exploration noise after the warm-up.", low=0.0)
    std_decay: float = option(0.98, "Factor on the noise after every episode.", low=0.0, high=1.0)
    std_floor: float = option(0.04, "Smallest standard deviation the schedule goes to.", low=0.0)
    normalise_observations: bool = option(True, "Normalise observations by the episodes of the warm-up.")
    scale_costs: bool = option(True, "Measure violations in units of their limits.")
    signal_unit: str = option(
        "first",
        "Unit of reward and costs: spread of their totals when learning begins, in the episodes remembered, or 1.",
        choices=("first", "pool", "one"),
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.hidden or not all(width >= 1 for width in self.hidden):
            raise InputError(
                "DDPG.hidden", expected="positive widths", got=repr(self.hidden), remedy="Give one per hidden layer."
            )

    def build(self, problem: Problem, seed: int) -> DDPGAgent:
        """Make the agent.

        Raises:
            InputError: If costs are to be scaled by a limit that is not positive.
        """
        return DDPGAgent(self, problem, seed)
