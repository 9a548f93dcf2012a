"""PPO-Lagrangian for very few, whole episodes: the hyper-parameters.

The learner they build is in ``ppo_lagrangian_agent.py``.
"""

from dataclasses import dataclass

from cpruner.agent.multiplier import PID, GradientAscent, MultiplierRule
from cpruner.agent.ppo_lagrangian_agent import PPOLagrangianAgent
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.spec import check, option


@dataclass(frozen=True)
class PPOLagrangian:
    """Proximal policy optimisation of a Lagrangian whose multipliers follow the measured violations.

    One update, with g_k = J_k / d_k - 1 the violations of the new, whole episodes:

    1. the multiplier rule turns g into lambda;
    2. the clipped surrogate of the advantage (A_r - sum_k lambda_k u_k A_ck) / (1 + sum_k lambda_k) is maximised;
       reward and cost advantages are centred, then all divided by the standard deviation of A_r, which keeps their
       proportion;
    3. exploration shrinks on schedule.

    The unit u_k (``multiplier_unit``) makes the gains of the rule independent of the scales of reward and cost. The
    multipliers reported are in the problem's own units: reward per unit of cost.

    The defaults were tuned on ``cpruner.testing.Allocation``: 200 episodes of 8-20 steps, one reward at the end.
    """

    episodes_per_update: int = option(5, "Whole episodes per update.", low=2)
    reuse: int = option(6, "Updates for which an episode is learned from; 1 is on-policy.", low=1)
    weight_cap: float = option(2.0, "Largest importance weight of a reused step.", low=0.0)
    hidden: list[int] = option([32, 32], "Widths of the hidden layers of policy and critic.")
    feature_gain: float = option(4.0, "Gain of the first layer; large tells neighbouring steps apart at once.", low=0.0)
    normalise_observations: bool = option(True, "Normalise observations by the first batch.")
    initial_mean: float = option(0.7, "Mean action of every step before learning.", low=0.001, high=0.999)
    initial_std: float = option(0.2, "Standard deviation of the action before learning.", low=1e-4)
    learn_std: bool = option(False, "Learn the standard deviation by gradient, besides its schedule.")
    std_decay: float = option(0.98, "Factor on the standard deviation after every update.", low=0.01, high=1.0)
    std_floor: float = option(0.04, "Smallest standard deviation.", low=1e-4)
    lr: float = option(0.001, "Step size of Adam for the policy.", low=0.0)
    epochs: int = option(60, "Gradient steps per update, each on all episodes remembered.", low=1)
    clip: float = option(0.3, "PPO's clip of the probability ratio.", low=0.0)
    target_kl: float = option(0.1, "End an update once KL(old || new) exceeds this, in nats.", low=0.0)
    entropy: float = option(0.0, "Weight of the entropy bonus; acts only if learn_std.", low=0.0)
    gamma: float = option(1.0, "Discount of reward and costs in the advantages.", low=0.0, high=1.0)
    baseline: str = option("batch", "What returns are compared with.", choices=("batch", "critic"))
    reward_lambda: float = option(0.95, "GAE trace decay of the reward (baseline critic).", low=0.0, high=1.0)
    cost_lambda: float = option(0.95, "GAE trace decay of the costs (baseline critic).", low=0.0, high=1.0)
    critic_lr: float = option(0.01, "Step size of Adam for the critic.", low=0.0)
    critic_epochs: int = option(40, "Gradient steps per update for the critic.", low=1)
    scale_costs: bool = option(True, "Measure costs in units of their limits.")
    multiplier: str = option("pid", "How multipliers follow violations.", choices=("gradient", "pid"))
    multiplier_unit: str = option(
        "first",
        "Unit of a multiplier: std of reward over std of cost in the first batch, in the episodes remembered, or 1.",
        choices=("first", "pool", "one"),
    )
    multiplier_lr: float = option(0.5, "Dual step size (multiplier gradient).", low=0.0)
    multiplier_init: float = option(1.0, "Multiplier before the first update.", low=0.0)
    multiplier_cap: float = option(20.0, "Largest multiplier.", low=0.0)
    pid_kp: float = option(2.0, "Proportional gain (multiplier pid).", low=0.0)
    pid_ki: float = option(0.12, "Integral gain (multiplier pid).", low=0.0)
    pid_kd: float = option(0.0, "Derivative gain (multiplier pid).", low=0.0)

    def __post_init__(self) -> None:
        check(self)
        if not all(width >= 1 for width in self.hidden):
            raise InputError(
                "PPOLagrangian.hidden",
                expected="positive widths",
                got=repr(self.hidden),
                remedy="[] is a linear policy.",
            )

    def build(self, problem: Problem, seed: int) -> PPOLagrangianAgent:
        """Make the agent.

        Raises:
            InputError: If costs are to be scaled by a limit that is not positive.
        """
        if self.scale_costs and not all(limit > 0.0 for limit in problem.limits):
            raise InputError(
                "limits of the problem",
                expected="positive numbers",
                got=repr(problem.limits),
                remedy="Set scale_costs=false to measure costs in their own unit.",
            )
        return PPOLagrangianAgent(self, problem, seed)

    def rule(self, constraints: int) -> MultiplierRule:
        """The multiplier rule for K constraints."""
        cap, init = self.multiplier_cap, self.multiplier_init
        if self.multiplier == "gradient":
            return GradientAscent(lr=self.multiplier_lr, cap=cap, init=init).build(constraints)
        return PID(kp=self.pid_kp, ki=self.pid_ki, kd=self.pid_kd, cap=cap, init=init).build(constraints)
