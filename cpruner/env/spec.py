"""How pruning is posed as a constrained Markov decision process."""

from dataclasses import dataclass

from cpruner.spec import check, option


@dataclass(frozen=True)
class PruningProblem:
    """Options of the environment."""

    lowest: float = option(0.1, "smallest keep ratio an action can ask for", low=0.0, high=1.0)
    feasibility: str = option(
        "scaled",
        "soft: judge the proposal as it is; scaled: multiply its keep ratios by one factor so that it lands on the "
        "tightest countable budget (FLOPs, MACs, parameters) first; its costs are those of the proposal either way",
        choices=("soft", "scaled"),
    )
    reward: str = option(
        "accuracy",
        "what the last step pays: accuracy, minus the cross-entropy, or minus the divergence from the dense network's "
        "answers, all on the search split",
        choices=("accuracy", "loss", "divergence"),
    )

    def __post_init__(self) -> None:
        check(self)
