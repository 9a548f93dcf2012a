"""One judged candidate of a run, read back."""

from dataclasses import dataclass
from typing import final

from cpruner.cmdp import Episode
from cpruner.constraint import Reading
from cpruner.env import Judgement
from cpruner.errors import InputError
from cpruner.evaluate import Score
from cpruner.space import Candidate, Plan


@final
@dataclass(frozen=True)
class Evaluation:
    """A judged candidate.

    Args:
        run: Number of its run in the file.
        number: 1 for the first evaluation of the run.
        structure: Fingerprint of the plan of the network it was cut from.
        kept: Channels that stay, by group.
        score: How good it was.
        readings: What it cost, by the budgets of its run.
        episode: How the agent came to it, if that was asked for and recorded.
    """

    run: int
    number: int
    structure: str
    kept: tuple[tuple[int, ...], ...]
    score: Score
    readings: tuple[Reading, ...]
    episode: Episode | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of kept channels per group."""
        return tuple(len(kept) for kept in self.kept)

    @property
    def feasible(self) -> bool:
        """Whether it met the budgets of its own run."""
        return all(reading.certain for reading in self.readings)

    def judgement(self, plan: Plan) -> Judgement:
        """The same as the judge gave it.

        Args:
            plan: Of the network it was cut from.

        Raises:
            InputError: The plan is that of another network.
        """
        if plan.fingerprint != self.structure:
            raise InputError(
                "plan",
                expected=f"that of the network of run {self.run}, {self.structure}",
                got=plan.fingerprint,
                remedy="Read the runs of this network only: History.runs(plan=...).",
            )
        return Judgement(Candidate(self.kept, plan), self.score, self.readings)
