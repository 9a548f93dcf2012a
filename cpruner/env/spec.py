"""How pruning is posed as a constrained Markov decision process."""

from dataclasses import dataclass

from cpruner.evaluate import REWARDS
from cpruner.spec import check, option


@dataclass(frozen=True)
class PruningProblem:
    """Options of the environment."""

    lowest: float = option(0.1, "smallest keep ratio an action can ask for", low=0.0, high=1.0)
    action: str = option(
        "ratio",
        "what an action is: ratio: the keep ratio of the group; levels: the same, snapped to the nearest of a few "
        "levels; mask: one number per unit, which is kept from 0.5 on",
        choices=("ratio", "levels", "mask"),
    )
    levels: int = option(10, "with action=levels: levels, evenly spaced from the lowest keep ratio to 1", low=2)
    feasibility: str = option(
        "scaled",
        "soft: judge the proposal as it is; scaled: multiply its keep ratios by one factor so that it lands on the "
        "tightest countable budget (FLOPs, MACs, parameters) first, and only down where others are measured; "
        "clipped: lower every action until the groups to come can still meet the countable budgets; projected: the "
        "nearest keep ratios, by the sum of squared logarithms, within the countable budgets; repaired: scaled, then "
        "scaled on until the measured budgets are met, too",
        choices=("soft", "scaled", "clipped", "projected", "repaired"),
    )
    measurements: int = option(6, "with feasibility=repaired: networks measured per episode at most", low=1)
    charged: str = option(
        "proposal",
        "whose countable costs are charged: those of the proposal (with clipped: of the lowered actions), so that "
        "multipliers learn what the rule hides; or of what is judged, which meets those budgets under any rule but "
        "soft, so that there is only the reward to learn from",
        choices=("proposal", "judged"),
    )
    reward: str = option(
        "log_loss",
        "what the last step pays: accuracy, minus the cross-entropy or its logarithm, or minus the divergence from the "
        "dense network's answers, all on the search split",
        choices=REWARDS,
    )
    pays: str = option(
        "end",
        "end: the last step pays the score; every: each step pays the change of the score of the network in which the "
        "groups decided so far are cut and the others dense, which takes as many judgements as there are groups",
        choices=("end", "every"),
    )
    sensitivities: bool = option(
        True, "show the agent what the surrogate predicts: how much the loss rises with each group, and so far"
    )
    tightest: float = option(
        1.0,
        "every episode is played with all limits times a share drawn log-uniformly from here to 1 (either end itself "
        "in a tenth of them), and told so; 1: the limits as they are",
        low=0.001,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self)
