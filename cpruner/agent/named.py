"""Published algorithms by name: combinations of the axes of :class:`OnPolicy`.

Every function takes the options of :class:`OnPolicy` and returns it; ``conf/agent`` has the same names.
"""

from typing import Any

from cpruner.agent.encoder import Perceptron, Table
from cpruner.agent.multiplier import GradientAscent, SoftplusAdam
from cpruner.agent.on_policy import OnPolicy
from cpruner.agent.policy import Bernoulli, Gaussian
from cpruner.agent.update import CUP, FOCOPS, P3O, Clipped, Constrained, PolicyGradient, TrustRegion


def ppo_lagrangian(**options: Any) -> OnPolicy:
    """PPO on the Lagrangian (Ray, Achiam and Amodei 2019), multipliers by PID control (Stooke et al. 2020)."""
    return OnPolicy(**{"update": Clipped(), **options})


def trpo_lagrangian(**options: Any) -> OnPolicy:
    """TRPO on the Lagrangian (Ray, Achiam and Amodei 2019), multipliers by PID control."""
    return OnPolicy(**{"update": TrustRegion(), **options})


def cpo(**options: Any) -> OnPolicy:
    """Constrained policy optimisation with any number of constraints (Achiam et al. 2017)."""
    return OnPolicy(**{"update": Constrained(), **options})


def focops(**options: Any) -> OnPolicy:
    """First-order constrained optimisation in policy space (Zhang, Vuong and Ross 2020)."""
    return OnPolicy(**{"update": FOCOPS(), "multiplier": GradientAscent(), **options})


def p3o(**options: Any) -> OnPolicy:
    """Penalised proximal policy optimisation: exact penalties instead of multipliers (Zhang et al. 2022)."""
    return OnPolicy(**{"update": P3O(), **options})


def cup(**options: Any) -> OnPolicy:
    """Constrained update projection (Yang et al. 2022)."""
    return OnPolicy(**{"update": CUP(), "multiplier": GradientAscent(), **options})


def rcpo(**options: Any) -> OnPolicy:
    """Reward-constrained policy optimisation (Tessler et al. 2019): the price of the costs is part of the reward."""
    return OnPolicy(
        **{"update": PolicyGradient(), "multiplier": GradientAscent(), "penalty": "reward", "reuse": 1, **options}
    )


def reinforce(**options: Any) -> OnPolicy:
    """REINFORCE (Williams 1992) with parameters of its own for every step, and a penalised reward."""
    return OnPolicy(
        **{
            "update": PolicyGradient(steps=1, lr=0.05),
            "multiplier": GradientAscent(),
            "encoder": Table(),
            "penalty": "reward",
            "reuse": 1,
            **options,
        }
    )


def decore(**options: Any) -> OnPolicy:
    """One Bernoulli parameter per channel, learned by REINFORCE (after Alwani et al. 2022).

    Meant for masks (``problem.action=mask``). DECORE rewards every channel by its own sparsity and the accuracy; here
    the budgets have multipliers.
    """
    return reinforce(**{"policy": Bernoulli(), **options})


def malik2022(**options: Any) -> OnPolicy:
    """Paper 1's PPO-Lagrangian as its published code has it (Malik et al. 2022).

    Softplus multiplier by Adam at step size 1, cost advantages centred but not scaled and not clipped, cost trace 1,
    a Gaussian of standard deviation 1 that is learned. Costs are in units of their limits here, in percent there.
    """
    return OnPolicy(
        **{
            "update": Clipped(lr=0.0003, epochs=10, clip=0.2, target_kl=0.15, clip_costs=False),
            "multiplier": SoftplusAdam(),
            "policy": Gaussian(initial_std=1.0, learn_std=True, std_decay=1.0),
            "encoder": Perceptron(gain=1.414),
            "episodes_per_update": 24,
            "reuse": 1,
            "gamma": 0.99,
            "baseline": "critic",
            "cost_trace": 1.0,
            "critic_lr": 0.0003,
            "critic_epochs": 10,
            "multiplier_unit": "one",
            "cost_advantage": "centred",
            **options,
        }
    )
