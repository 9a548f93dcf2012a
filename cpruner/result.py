"""What ``prune`` returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from cpruner.candidate import Candidate, save_artefact
from cpruner.constraint import Reading
from cpruner.env import Judgement
from cpruner.evaluate import Score
from cpruner.finetune import TrainingLog
from cpruner.prepared import Prepared
from cpruner.search import SearchResult, front


@dataclass(frozen=True, eq=False)
class Result:
    """A smaller network that meets every budget, and how it came about.

    Args:
        model: The network, fine-tuned, in eval mode.
        candidate: What was kept.
        readings: Every budget as measured on ``model`` (as loaded back from disk when there was a run directory).
        score: Its score on the search split.
        searched: The chosen candidate before fine-tuning.
        searches: Every search by name; ``"agent"`` first.
        training: The fine-tuning log.
        prepared: The traced task, dense costs and scores.
        seed: The seed of the run.
        seconds: Seconds per phase.
    """

    model: nn.Module
    candidate: Candidate
    readings: tuple[Reading, ...]
    score: Score
    searched: Judgement
    searches: Mapping[str, SearchResult]
    training: TrainingLog
    prepared: Prepared
    seed: int
    seconds: Mapping[str, float]

    @property
    def front(self) -> tuple[Judgement, ...]:
        """Pareto front of everything judged: search accuracy against every cost."""
        return front([judgement for found in self.searches.values() for judgement in found.archive])

    def save(self, directory: str | Path) -> None:
        """Write ``weights.safetensors`` and ``candidate.json``; ``cpruner.load`` reads them back.

        Raises:
            ArtefactError: The directory cannot be written.
        """
        save_artefact(directory, self.model, self.candidate)

    def __str__(self) -> str:
        dense, tuned = self.prepared.dense_score, self.score
        lines = [
            f"search accuracy {dense.accuracy:.2%} dense -> {self.searched.score.accuracy:.2%} searched "
            f"-> {tuned.accuracy:.2%} fine-tuned"
        ]
        for reading in self.readings:
            unit = f" {reading.unit}" if reading.unit else ""
            verdict = "met" if reading.satisfied else "NOT met"
            lines.append(f"{reading.name}: {reading.value:.6g}{unit} of at most {reading.limit:.6g}{unit}: {verdict}")
        for name, found in self.searches.items():
            best = found.best
            told = "no feasible candidate" if best is None else f"{best.score.accuracy:.2%}"
            lines.append(f"best of {len(found.archive)} evaluations by {name}: {told}")
        return "\n".join(lines)
