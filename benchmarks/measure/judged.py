"""One network with its surrogate, and everything about its candidates that was judged so far, on disk."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from repair import prepared

from cpruner.command import Job
from cpruner.data import Splits
from cpruner.env import Countable
from cpruner.evaluate import score
from cpruner.finetune import FineTune, tune
from cpruner.prepared import Prepared
from cpruner.repair import Repairer, gather
from cpruner.surrogate import Calibration, surrogate
from cpruner.surrogate.problem import fits
from measure.task import held

LOWEST = 0.1
TUNING, TUNED_BATCHES = FineTune(epochs=2, lr=0.01), 80

Widths = tuple[int, ...]
Facts = dict[str, Any]


class Bench:
    """One network, its surrogate, and everything judged so far, on disk."""

    def __init__(self, job: Job, splits: Splits, model: torch.nn.Module, target: Path, images: int) -> None:
        self.job, self.splits, self.model, self.target = job, splits, model, target
        self.ready: Prepared = prepared(job, model, splits, job.seed)
        started = time.perf_counter()
        self.made = surrogate(model, self.ready.space, self.ready.statistics, job.ranking.damping, Calibration())
        self.seconds = time.perf_counter() - started
        self.repairer = Repairer(model, self.made.space, self.ready.statistics, job.repair)
        self.images = images
        self.known: dict[str, dict[str, float]] = {}
        if target.is_file():
            record = json.loads(target.read_text())
            if record["model"] == self.ready.fingerprint and record["repair"] == repr(job.repair):
                self.known = record["judged"]

    def limits(self, share: float) -> list[tuple[str, float]]:
        """A budget of FLOPs."""
        return [("flops", share * self.made.space.count(self.made.space.dense()).flops)]

    def widths(self, ratios: Sequence[float], share: float) -> Widths:
        """Keep ratios scaled onto the budget."""
        countable = Countable(self.made.space, tuple(self.limits(share)))
        return tuple(self.made.space.widths(countable.fit(np.asarray(ratios, dtype=np.float64), LOWEST).tolist()))

    def inside(self, share: float) -> Widths:
        """One keep ratio for the channels that a single layer makes; joined ones (the residual stream) all stay."""
        space, weights = self.made.space, dict(self.model.named_parameters())
        wide = {f"{name}[0]" for name, weight in weights.items() if weight.ndim > 1}
        alone = [len(wide.intersection(group.members)) == 1 for group in space.groups]

        def at(ratio: float) -> Widths:
            return tuple(space.widths([ratio if single else 1.0 for single in alone]))

        low, high = 0.0, 1.0
        for _ in range(30):
            middle = (low + high) / 2
            fit = fits(self.made, np.array([at(middle)]), self.limits(share))[0]
            low, high = (middle, high) if fit else (low, middle)
        return at(low)

    def judge(self, widths: Widths, mode: str = "static") -> float:
        """Loss on the search split; remembered."""
        return self.fact(f"{mode}_search", widths, lambda: self.scored(self.repairer, widths, mode).loss)

    def scored(self, repairer: Repairer, widths: Widths, mode: str) -> Any:
        """Score of a repaired candidate on the search split."""
        return score(repairer(self.made.space.best(widths), mode), self.splits.search)

    def fact(self, name: str, widths: Widths, measure: Callable[[], float]) -> float:
        """A number about a candidate: from the file, or measured and written there."""
        facts = self.known.setdefault(" ".join(map(str, widths)), {})
        if name not in facts:
            facts[name] = measure()
        return facts[name]

    def tested(self, widths: Widths) -> Facts:
        """Test accuracy without a gradient step: judged statistics, and sequentially with more images."""
        final = self.final()

        def of(repairer: Repairer, mode: str) -> float:
            return score(repairer(self.made.space.best(widths), mode), self.splits.test).accuracy

        return {
            "widths": list(widths),
            "flops": float(self.made.count(np.array([widths]))["flops"][0] / self.limits(1.0)[0][1]),
            "search_loss": self.judge(widths),
            "static": self.fact("static_test", widths, lambda: of(self.repairer, "static")),
            "sequential": self.fact(f"sequential_test_{self.images}", widths, lambda: of(final, "sequential")),
        }

    def final(self) -> Repairer:
        """Repairs on more images, as the chosen network would be."""
        if not hasattr(self, "_final"):
            spec = dataclasses.replace(self.job.repair, mode="sequential", images=self.images)
            drawn = dataclasses.replace(
                held(self.splits.train_eval), generator=torch.Generator().manual_seed(self.job.seed)
            )
            self._final = Repairer(self.model, self.made.space, gather(self.model, drawn, spec), spec)
        return self._final

    def tuned(self, widths: Widths) -> float:
        """Test accuracy after a short fine-tune on a part of the training images; its last state counts."""

        def measure() -> float:
            network = self.repairer(self.made.space.best(widths), "static")
            part = [batch for _, batch in zip(range(TUNED_BATCHES), held(self.splits.train).reseeded(0), strict=False)]
            trained, _ = tune(network, part, self.splits.search, TUNING, seed=0)
            return score(trained, self.splits.test).accuracy

        return self.fact("tuned_test", widths, measure)
