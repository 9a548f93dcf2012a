"""What a search judges next.

Axis letters: N candidates judged, M proposals, G groups, T = G steps, A = 1 action.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from cpruner.cmdp import Agent, Array
from cpruner.env import Judgement, PruningEnv
from cpruner.search.assistant import Assistant, Assisting, Outcomes
from cpruner.search.moves import Follower, moves
from cpruner.search.rollout import Decided, decide, episode_seed
from cpruner.search.starts import starts, starts_near


@dataclass(frozen=True, eq=False)
class _Offer:
    """The keep ratios that a proposal is foreseen to have, its share of the limits, and how to play its episode."""

    foreseen_G: Array
    share: float
    play: Callable[[], Decided]


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
    spec, sizes, seen = assisting.spec, np.array(env.space.sizes, dtype=np.float64), _outcomes(env, archive)
    moved = _moving(env, archive, seen, spec, len(seeds), moved_from)
    offers = [offer for drawn in seeds for offer in _offers(env, agent, spec.proposals, moved, drawn)]
    proposed_MG = env.space.widths_of(np.stack([offer.foreseen_G for offer in offers])) / sizes
    share_M = np.array([offer.share for offer in offers])
    chosen = assisting.choose(seen, proposed_MG, len(seeds), share_M, apart=env.options.tightest < 1.0)
    return [offers[number].play() for number in chosen]


def _moving(
    env: PruningEnv, archive: Sequence[Judgement], seen: Outcomes, spec: Assistant, episodes: int, seed: int
) -> Callable[[int, float], list[Array]]:
    """Moves for the seed of an episode and its share of the limits, of what is best there where budgets are drawn."""
    scaled = bool(env.unsettled)
    if env.options.tightest < 1.0:
        return lambda drawn, share: moves(
            *starts_near(archive, seen, share, spec.elite), spec, spec.moves, episode_seed(seed, drawn), scaled=scaled
        )
    of_all = iter(moves(*starts(archive, seen), spec, spec.moves * episodes, seed, scaled=scaled))
    return lambda _drawn, _share: list(islice(of_all, spec.moves))


def _outcomes(env: PruningEnv, archive: Sequence[Judgement]) -> Outcomes:
    """What was judged, with the costs of the budgets that proposals are not made to meet."""
    sizes = np.array(env.space.sizes, dtype=np.float64)
    costs = [{reading.name: reading.upper_share for reading in judgement.readings} for judgement in archive]
    return Outcomes(
        np.array([judgement.candidate.widths for judgement in archive]).reshape(-1, len(sizes)) / sizes,
        np.array([env.score(judgement) for judgement in archive]),
        np.array([[cost[name] for name in env.unsettled] for cost in costs]).reshape(len(archive), len(env.unsettled)),
    )


def _offers(
    env: PruningEnv, agent: Agent, count: int, moved: Callable[[int, float], list[Array]], seed: int
) -> list[_Offer]:
    """Proposals of the agent, and moves, for one episode.

    Args:
        env: The environment.
        agent: Who acts.
        count: Proposals of the agent.
        moved: Moves for the seed of an episode and its share of the limits.
        seed: Of the episode.
    """
    own = [decide(env, agent, seed=seed) for _ in range(count)]
    share = own[0].env.share  # one seed, one budget
    offers = [_Offer(episode.foreseen_G, share, partial(_itself, episode)) for episode in own]
    if sequences := moved(seed, share):
        foreseen_MG = env.foreseen_of(np.stack(sequences)[:, :, 0], np.full(len(sequences), share))
        offers += [
            _Offer(foreseen_G, share, partial(_follow, env, agent, sequence_TA, seed))
            for foreseen_G, sequence_TA in zip(foreseen_MG, sequences, strict=True)
        ]
    return offers


def _follow(env: PruningEnv, agent: Agent, sequence_TA: Array, seed: int) -> Decided:
    """An episode played for the agent, which will learn from it."""
    executed = getattr(agent, "learns_executed", False)
    return decide(env, Follower(sequence_TA, learns_executed=executed), seed=seed)


def _itself(episode: Decided) -> Decided:
    return episode
