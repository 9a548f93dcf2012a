"""One search of a run: its environment, what the agent is told beforehand, its checkpoint and its history."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from cpruner.cmdp import AgentSpec
from cpruner.env import PruningEnv
from cpruner.evaluate import digest
from cpruner.history import Conditions, History, Run, inherit, observed
from cpruner.pool import Workers
from cpruner.prepared import Prepared, machine
from cpruner.search import Assisting, HeadStart, Saving, SearchResult, search
from cpruner.settings import AGENT, Settings


@final
@dataclass(frozen=True)
class Start:
    """Starts the searches of one run.

    Args:
        prepared: The task.
        workers: Who judges.
        evaluations: Candidates that every search may judge.
        seed: Of the agents.
        settings: Everything else.
    """

    prepared: Prepared
    workers: Workers
    evaluations: int
    seed: int
    settings: Settings

    def __call__(self, name: str, spec: AgentSpec) -> SearchResult:
        """Search with an agent.

        Args:
            name: ``AGENT``, or that of a baseline.
            spec: Its hyper-parameters.

        Raises:
            CheckpointError: What is to be resumed belongs to another search.
            CostError: A cost function failed.
            InputError: The history is another program's, or its policy does not fit.
            WorkerError: Workers died on one candidate again and again.
        """
        settings = self.settings
        env = self.prepared.env(settings.problem, self.workers)
        saving = self._saving(name, spec)
        agent = spec.build(env.problem, self.seed)
        past = (
            settings.past
            if name == AGENT
            else replace(settings.past, assistant=False, solutions=0, replay=0, policy=None)
        )
        assisting = self._head_start(warm=past.policy is None).give(agent, env)
        run = self._run(env, name, spec, past.origin)
        history = None if past.store is None else History(past.store)
        recorder = None
        if history is not None:
            recorder = history.record(run, resume=saving is not None and saving.resume is not None)
            run = recorder.run
            if past.assistant:
                assisting = _informed(assisting, history, run, settings.problem.reward)
        inherit(history, run, env, agent, past)
        return search(
            env,
            agent,
            self.evaluations,
            saving=saving,
            watch=settings.watcher.evaluation(name),
            assisting=assisting,
            seed=self.seed,
            record=None if recorder is None else recorder.add,
        )

    def _head_start(self, *, warm: bool) -> HeadStart:
        """The help of this run; a policy of an earlier search takes the place of a warm-up."""
        warm_up = self.settings.warm_up if warm else replace(self.settings.warm_up, enabled=False)
        return HeadStart(warm_up, self.settings.assistant, lambda: self.prepared.surrogate)

    def _saving(self, name: str, spec: AgentSpec) -> Saving | None:
        settings = self.settings
        if settings.run_dir is None:
            return None
        folder = settings.run_dir / "search"
        folder.mkdir(parents=True, exist_ok=True)
        earlier = None if settings.resume is None else settings.resume / "search" / f"{name}.pt"
        resume = earlier if earlier is not None and (name == AGENT or earlier.is_file()) else None
        return Saving(folder / f"{name}.pt", self._identity(spec), resume)

    def _identity(self, spec: AgentSpec) -> Mapping[str, Any]:
        prepared, settings = self.prepared, self.settings
        pairs = list(zip(prepared.task.budgets, prepared.dense, strict=True))
        return {
            "model": prepared.fingerprint,
            "constraints": [budget.name for budget in prepared.task.budgets],
            # what is measured differs from run to run, and with it a limit relative to it
            "limits": {budget.name: at.limit if budget.cost.counted else str(budget.limit) for budget, at in pairs},
            "agent": repr(spec),
            "seed": self.seed,
            "repair": settings.repair.identity,
            "ranking": repr(settings.ranking),
            "problem": repr(settings.problem),
            "warm_up": repr(settings.warm_up),
            "assistant": repr(settings.assistant),
            "past": settings.past.origin,
            "judging": prepared.scorer.identity,
            "space": repr(settings.space),
        }

    def _run(self, env: PruningEnv, name: str, spec: AgentSpec, origin: str) -> Run:
        ready = self.prepared
        conditions = Conditions(
            model=ready.fingerprint,
            images=ready.scorer.images.fingerprint,
            statistics=digest(ready.statistics.images),
            repair=ready.repair.identity,
            ranking=repr(self.settings.ranking),
            judging=ready.scorer.identity,
            machine=repr(machine(ready.task.model)),
        )
        return Run.of(
            env,
            conditions,
            ready.dense_score,
            agent=repr(spec),
            seed=self.seed,
            name=name,
            origin=origin,
            folder="" if self.settings.run_dir is None else str(self.settings.run_dir.resolve()),
        )


def _informed(assisting: Assisting | None, history: History, run: Run, reward: str) -> Assisting | None:
    """The assistant with what was judged alike before the run began."""
    if assisting is None:
        return None
    ratio_NG, reward_N = observed(history, run, reward)
    return replace(assisting, ratio_NG=ratio_NG, reward_N=reward_N) if len(reward_N) else assisting
