"""On-policy agents for few, whole episodes: the axes, and the hyper-parameters they share.

The learner they build is in ``on_policy_agent.py``, named combinations are in ``named.py``.
"""

from dataclasses import dataclass
from typing import final

from cpruner.agent.encoder import EncoderSpec, Perceptron
from cpruner.agent.multiplier import PID, MultiplierSpec
from cpruner.agent.on_policy_agent import OnPolicyAgent
from cpruner.agent.policy import Gaussian, HeadSpec
from cpruner.agent.update import Clipped, UpdateSpec
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class OnPolicy:
    """Learns from the episodes it has just played, and from those of a few updates before.

    One update, with g_k = J_k / d_k - 1 the violations of the new, whole episodes:

    1. the multiplier rule turns g into lambda (where the policy update wants multipliers at all);
    2. the policy update improves the policy on the advantages of reward and costs;
    3. exploration shrinks on the schedule of the policy.

    Four axes vary freely: how the policy is updated (``update``), how multipliers follow violations (``multiplier``),
    what distribution acts (``policy``), and what reads the observations (``encoder``, for policy and critic alike).

    The unit u_k (``multiplier_unit``) makes the gains of the multiplier rule independent of the scales of reward and
    cost. The multipliers reported are in the problem's own units: reward per unit of cost.

    The defaults were tuned on ``cpruner.testing.Allocation``: 200 episodes of 8-20 steps, one reward at the end.
    """

    update: UpdateSpec = option(Clipped(), "How the policy is improved.")
    multiplier: MultiplierSpec = option(PID(), "How multipliers follow violations.")
    policy: HeadSpec = option(Gaussian(), "Distribution over actions.")
    encoder: EncoderSpec = option(Perceptron(), "What reads the observations.")
    episodes_per_update: int = option(5, "Whole episodes per update.", low=2)
    reuse: int = option(6, "Updates for which an episode is learned from; 1 is on-policy.", low=1)
    weight_cap: float = option(2.0, "Largest importance weight of a reused step.", low=0.0)
    normalise_observations: bool = option(True, "Normalise observations by the first batch.")
    gamma: float = option(1.0, "Discount of reward and costs in the advantages.", low=0.0, high=1.0)
    baseline: str = option("batch", "What returns are compared with.", choices=("batch", "critic"))
    reward_trace: float = option(0.95, "GAE's trace decay of the reward (baseline critic).", low=0.0, high=1.0)
    cost_trace: float = option(0.95, "GAE's trace decay of the costs (baseline critic).", low=0.0, high=1.0)
    critic_lr: float = option(0.01, "Step size of Adam for the critic.", low=0.0)
    critic_epochs: int = option(40, "Gradient steps per update for the critic.", low=1)
    scale_costs: bool = option(True, "Measure costs in units of their limits.")
    multiplier_unit: str = option(
        "first",
        "Unit of a multiplier: std of reward over std of cost in the first batch, in the episodes remembered, or 1.",
        choices=("first", "pool", "one"),
    )
    cost_advantage: str = option(
        "scaled",
        "scaled: divided by the deviation of the reward's advantage, as that is, so that a multiplier keeps its "
        "meaning; centred: only centred (paper 1)",
        choices=("scaled", "centred"),
    )
    penalty: str = option(
        "advantage",
        "advantage: costs have advantages of their own; reward: reward minus priced costs is one signal, with one "
        "critic (RCPO)",
        choices=("advantage", "reward"),
    )

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> OnPolicyAgent:
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
        return OnPolicyAgent(self, problem, seed)
