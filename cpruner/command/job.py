"""One run of the command, as plain values: what to prune, on what data, to which budgets, how."""

from dataclasses import dataclass

import torch

from cpruner.agent import WarmUp
from cpruner.cmdp import AgentSpec
from cpruner.constraint import Budget
from cpruner.data import DataSpec
from cpruner.env import PruningProblem
from cpruner.errors import InputError
from cpruner.evaluate import Judging
from cpruner.finetune import FineTune
from cpruner.history import Past
from cpruner.model import ModelSpec
from cpruner.pool import Pool
from cpruner.ranking import Rank
from cpruner.repair import Polish, Repair
from cpruner.search import Assistant, Search
from cpruner.settings import BASELINES
from cpruner.space import Scope


@dataclass(frozen=True)
class Job:
    """A composed config with every node turned into its spec.

    Args:
        job: Name of the run's folder below ``runs/``.
        seed: Of everything.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda``, ``cuda:1``, ...
        threads: CPU threads of torch; None leaves it to torch.
        model: The network.
        data: The dataset.
        budgets: What the network may cost.
        agent: Who decides.
        search: How long.
        warm_up: How the agent is prepared on a surrogate.
        assistant: Which of its proposals are judged.
        past: What is kept for later runs, and taken over from earlier ones.
        finetune: Training of the chosen network.
        dense: Training of the dense network, where it comes without weights.
        repair: Refit of candidates.
        ranking: Which channels of a group are kept.
        polish: Gradient steps on the chosen network.
        problem: Options of the environment.
        judging: How candidates are judged.
        space: What may be pruned.
        pool: Who judges candidates.
    """

    job: str
    seed: int
    device: str
    threads: int | None
    model: ModelSpec
    data: DataSpec
    budgets: tuple[Budget, ...]
    agent: AgentSpec
    search: Search
    warm_up: WarmUp
    assistant: Assistant
    past: Past
    finetune: FineTune
    dense: FineTune
    repair: Repair
    ranking: Rank
    polish: Polish
    problem: PruningProblem
    judging: Judging
    space: Scope
    pool: Pool

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("threads", 1)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise InputError(name, expected=f"an integer of at least {low}", got=value, remedy=f"Try {low}.")
        unknown = [name for name in self.search.baselines if name not in BASELINES]
        if unknown:
            raise InputError(
                "search.baselines",
                expected=f"some of {sorted(BASELINES)}",
                got=unknown,
                remedy="Leave out the others.",
            )

    @property
    def baselines(self) -> dict[str, AgentSpec]:
        """Baseline agents by name."""
        return {name: BASELINES[name] for name in self.search.baselines}

    def set_threads(self) -> None:
        """Tell torch how many CPU threads to use, where the job says so."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)

    def torch_device(self) -> torch.device:
        """The device to run on.

        Raises:
            InputError: There is no such device.
        """
        name = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        try:
            device = torch.device(name)
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(
                "device",
                expected="auto, cpu, cuda or cuda:N on this machine",
                got=f"{name} ({error})",
                remedy="Use auto.",
            ) from error
        return device
