"""Which proposals are worth a judgement, by what is foreseen of them.

Axis letters: N judged candidates, M proposals, G groups, K measured budgets, C choices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.search.forecast import Forecast
from cpruner.spec import check, option

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Assistant:
    """Judges the promising ones of more proposals than are judged: the agent's, and small moves of the best so far.

    In the spirit of the assistant learning of Mu et al. 2021, whose internals are not public. Rewards are foreseen by
    a straight line in what a surrogate predicts, if there is one, plus a Gaussian process over keep ratios; costs that
    can only be measured by a line in FLOPs plus a process of their own. The uncertainty is scaled so that the
    leave-one-out errors have the variance it claims. Moves look where a model of few judgements is right, around what
    was judged, as trust regions do (Eriksson et al. 2019).
    """

    proposals: int = option(4, "Proposals of the agent per judgement; 1, without moves, judges all of them.", low=1)
    moves: int = option(12, "Small moves of the best candidates that are proposed as well, per judgement.", low=0)
    elite: int = option(4, "How many of the best candidates are moved.", low=1)
    components: int = option(4, "Keep ratios that a move changes.", low=1)
    step: float = option(0.1, "Standard deviation of their change.", low=0.0)
    fewest: int = option(10, "Judgements before the first prediction; until then all proposals are judged.", low=3)

    def __post_init__(self) -> None:
        check(self)

    @property
    def chooses(self) -> bool:
        """Whether there is more than what is judged."""
        return self.proposals > 1 or self.moves > 0


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What judgements of a search said.

    Args:
        ratio_NG: Keep ratios of the candidates.
        reward_N: Their rewards.
        cost_NK: Their costs over the limits, of the budgets that can only be measured; the upper ends of intervals.
    """

    ratio_NG: Array
    reward_N: Array
    cost_NK: Array


@final
@dataclass(frozen=True)
class Assisting:
    """An assistant at work.

    Args:
        spec: Its options.
        prior: Of the rewards, see :class:`Forecast`.
        ratio_NG: Keep ratios judged in earlier searches with the same rewards; None for none.
        reward_N: Their rewards.
        solutions: Sequences of actions (T, A) that are judged before anything else.
        flops: From keep ratios (M, G) to FLOPs (M,), on any scale: prior of the measured costs; None for none.
    """

    spec: Assistant
    prior: Callable[[Array], Array] | None = None
    ratio_NG: Array | None = None
    reward_N: Array | None = None
    solutions: Sequence[Array] = ()
    flops: Callable[[Array], Array] | None = None

    def ready(self, judged: int) -> bool:
        """Whether enough is known for a prediction, when so many candidates were judged in this search."""
        earlier = 0 if self.reward_N is None else len(self.reward_N)
        return self.spec.chooses and judged + earlier >= self.spec.fewest

    def choose(
        self, seen: Outcomes, proposed_MG: Array, count: int, share_M: Array | None = None, *, apart: bool = False
    ) -> list[int]:
        """Proposals to judge, in their order; the same for the same arguments.

        Every choice is the best of one draw of rewards and measured costs from what is foreseen (Thompson 1933): the
        highest reward among those that meet the measured budgets, or where none does the smallest violation, as in
        Eriksson and Poloczek 2021 (SCBO), section 3. What was judged before, or is chosen already, comes last.

        Args:
            seen: What was judged in this search.
            proposed_MG: Keep ratios of the proposals.
            count: How many to choose, at most M.
            share_M: Of the limits, proposal by proposal; None is 1 for all.
            apart: One of every M / count, where these are proposals for budgets of their own.
        """
        ratio_NG, reward_N = seen.ratio_NG, seen.reward_N
        if self.ratio_NG is not None and self.reward_N is not None:
            ratio_NG, reward_N = np.concatenate([self.ratio_NG, ratio_NG]), np.concatenate([self.reward_N, reward_N])
        reward_CM = Forecast.of(ratio_NG, reward_N, self.prior).draw(proposed_MG, count, len(reward_N))
        violation_CM = self._violation(seen, proposed_MG, count, 1.0 if share_M is None else share_M)
        group_M = np.arange(len(proposed_MG)) // (len(proposed_MG) // count) if apart else None
        return sorted(_pick(reward_CM, violation_CM, proposed_MG, ratio_NG, group_M))

    def _violation(self, seen: Outcomes, proposed_MG: Array, count: int, share_M: Array | float) -> Array:
        """Draws (C, M) of the sum over the measured budgets of what a cost exceeds its limit by."""
        drawn_CM = np.zeros((count, len(proposed_MG)))
        for budget, cost_N in enumerate(seen.cost_NK.T):
            calm_N = _calm(cost_N)
            if calm_N.sum() < self.spec.fewest:
                continue
            seed = np.random.SeedSequence((len(cost_N), 1 + budget)).generate_state(1)[0]
            cost_CM = Forecast.of(seen.ratio_NG[calm_N], cost_N[calm_N], self.flops).draw(proposed_MG, count, int(seed))
            drawn_CM += np.maximum(cost_CM / share_M - 1.0, 0.0)
        return drawn_CM


def _calm(cost_N: Array) -> NDArray[np.bool_]:
    """Which costs over a limit, (N,), are finite and not far out above the others.

    Far out are three interquartile ranges above the upper quartile (Tukey 1977, section 2D).

    What is far out was measured while something disturbed the machine; where most costs are alike, three tenths of the
    limit above them are not far out. What many candidates really cost is not far out any more.
    """
    finite_N = np.isfinite(cost_N)
    if not finite_N.any():
        return finite_N
    low, high = np.quantile(cost_N[finite_N], [0.25, 0.75])
    return np.asarray(finite_N & (cost_N <= high + 3.0 * max(high - low, 0.1)))


def _pick(
    reward_CM: Array, violation_CM: Array, proposed_MG: Array, judged_NG: Array, group_M: NDArray[np.int_] | None
) -> list[int]:
    """One proposal for every draw, of the group with the number of the draw if there are groups."""
    known, chosen = {row.tobytes() for row in judged_NG}, list[int]()
    everything_M = np.arange(len(proposed_MG))
    for number, (reward_M, violation_M) in enumerate(zip(reward_CM, violation_CM, strict=True)):
        open_M = ~np.isin(everything_M, chosen)
        if group_M is not None:
            open_M &= group_M == number
        fresh_M = open_M & ~np.array([row.tobytes() in known for row in proposed_MG])
        open_M = fresh_M if fresh_M.any() else open_M
        open_M = open_M & (violation_M == violation_M[open_M].min())
        chosen.append(int(np.where(open_M, reward_M, -np.inf).argmax()))
        known.add(proposed_MG[chosen[-1]].tobytes())
    return chosen
