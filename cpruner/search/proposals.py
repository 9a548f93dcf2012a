"""What a search judges next.

Axis letters: N candidates judged, M proposals, G groups, T = G steps, A = 1 action.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cpruner.cmdp import Agent, Array
from cpruner.env import Judgement, PruningEnv
from cpruner.search.assistant import Assisting
from cpruner.search.moves import Follower, moves
from cpruner.search.rollout import Decided, decide, episode_seed


def proposals(
    env: PruningEnv,
    agent: Agent,
    wanted: int,
    archive: Sequence[Judgement],
    assisting: Assisting | None,
    seed: int,
) -> list[Decided]:
    """Episodes to finish.

    What the agent proposes; with help, first of all the solutions it was shown, and once enough was judged the
    promising ones of several proposals of the agent and of moves of the best candidates.

    Args:
        env: The environment.
        agent: Who acts.
        wanted: How many episodes.
        archive: What was judged so far.
        assisting: The help, or None.
        seed: Of the search.
    """
    seeds = [episode_seed(seed, len(archive) + slot) for slot in range(wanted)]
    if assisting is None:
        return [decide(env, agent, seed=drawn) for drawn in seeds]
    shown = [] if archive else assisting.solutions
    led = [_follow(env, agent, sequence_TA, drawn) for sequence_TA, drawn in zip(shown, seeds, strict=False)]
    seeds = seeds[len(led) :]
    if not assisting.ready(len(archive)):
        return [*led, *(decide(env, agent, seed=drawn) for drawn in seeds)]
    moved_from = episode_seed(seed, -1 - len(archive))  # no episode has a number below 0
    return [*led, *_promising(env, agent, archive, assisting, seeds, moved_from)]


def _promising(
    env: PruningEnv,
    agent: Agent,
    archive: Sequence[Judgement],
    assisting: Assisting,
    seeds: Sequence[int],
    moved_from: int,
) -> list[Decided]:
    """One episode for every seed, chosen among several; one seed is one budget, where budgets are drawn.

    Args:
        env: The environment.
        agent: Who acts.
        archive: What was judged so far.
        assisting: The help.
        seeds: Of the episodes.
        moved_from: Seed of the moves.
    """
    if not seeds:
        return []
    spec, sizes = assisting.spec, np.array(env.space.sizes, dtype=np.float64)
    ratio_NG = np.array([judgement.candidate.widths for judgement in archive]).reshape(-1, len(sizes)) / sizes
    reward_N = np.array([env.score(judgement) for judgement in archive])
    feasible_N: NDArray[np.bool_] = np.array([judgement.feasible for judgement in archive], dtype=bool)
    moved = iter(moves(ratio_NG[feasible_N], reward_N[feasible_N], spec, spec.moves * len(seeds), moved_from))
    proposed: list[Decided] = []
    for drawn in seeds:
        proposed += [decide(env, agent, seed=drawn) for _ in range(spec.proposals)]
        proposed += [_follow(env, agent, sequence_TA, drawn) for sequence_TA in islice(moved, spec.moves)]
    proposed_MG = env.space.widths_of(np.stack([episode.foreseen_G for episode in proposed])) / sizes
    apart = env.options.tightest < 1.0
    chosen = assisting.choose(ratio_NG, reward_N, proposed_MG, len(seeds), apart=apart)
    return [proposed[number] for number in chosen]


def _follow(env: PruningEnv, agent: Agent, sequence_TA: Array, seed: int) -> Decided:
    """An episode played for the agent, which will learn from it."""
    executed = getattr(agent, "learns_executed", False)
    return decide(env, Follower(sequence_TA, learns_executed=executed), seed=seed)
