"""How long to search, and what to compare with."""

from dataclasses import dataclass

from cpruner.spec import check, option


@dataclass(frozen=True)
class Search:
    """Options of the search loop."""

    evaluations: int = option(
        200, "episodes played, hence candidates judged (a repeated candidate is free but counts)", low=1
    )
    baselines: list[str] = option(
        ["uniform", "random", "knapsack"],
        "agents given the same number of evaluations; knapsack: moves around the optimum of the surrogate",
    )
    resume: str | None = option(None, "run directory of an interrupted search to continue")

    def __post_init__(self) -> None:
        check(self)
