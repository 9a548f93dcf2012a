"""What a worker holds: everything that judges, and nothing that remembers."""

from dataclasses import dataclass, replace

from cpruner.candidate import Candidate
from cpruner.env.judge import Found, Judge
from cpruner.evaluate import Memo
from cpruner.space import Plan

#: Kept channels of every group, and the floor of a judgement.
Item = tuple[tuple[tuple[int, ...], ...], float | None]


@dataclass(frozen=True)
class Bench:
    """Judges candidates by the channels they keep: a candidate itself carries the whole plan.

    Args:
        judge: Judges them.
        plan: Of the candidates.
    """

    judge: Judge
    plan: Plan

    @classmethod
    def of(cls, judge: Judge, plan: Plan, *, beside: bool) -> "Bench":
        """The bench of a judge.

        Args:
            judge: In the main process.
            plan: Of the candidates.
            beside: Whether it is for workers beside the main process, which measures what asks for quiet itself.
        """
        budgets = [budget for budget in judge.budgets if not (beside and budget.quiet)]
        return cls(replace(judge, budgets=budgets, memo=Memo(), workers=None), plan)

    def __call__(self, item: Item) -> Found:
        """Judge the candidate that keeps these channels, with a floor for its accuracy.

        Raises:
            CostError: A cost function failed on it.
        """
        kept, floor = item
        judgement = self.judge.anew(Candidate(kept, self.plan), floor)
        return judgement.score, judgement.readings

    @staticmethod
    def name(item: Item) -> str:
        """How messages call a candidate."""
        return f"the candidate with widths {tuple(map(len, item[0]))}"
