"""The parts of judging a candidate, one by one, on networks with random weights and images."""

import copy
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

import cpruner
from cpruner.candidate import Surgeon
from cpruner.constraint import Budget, Flops, Params, measure_dense, read
from cpruner.env import Countable
from cpruner.model import ZOO
from cpruner.repair import Repair, Repairer, gather, recalibrate
from measure import peer
from measure.spread import clock

CIFAR = ("resnet20", "resnet56", "cifar_vgg16_bn")
IMAGENET = ("resnet18", "resnet50")
LOW, LOWEST = 0.2, 0.1


@dataclasses.dataclass(frozen=True)
class Setting:
    """One network and how much it looks at."""

    build: Callable[[], nn.Module]
    classes: int
    pixels: int
    images: int
    batch: int
    statistics: int
    positions: int


def settings() -> dict[str, Setting]:
    """All networks by name."""
    found = {name: Setting(partial(ZOO[name], 10), 10, 32, 1000, 250, 512, 8) for name in CIFAR}
    for name in IMAGENET:
        found[name] = Setting(getattr(torchvision.models, name), 1000, 224, 64, 16, 64, 64)
    return found


class Bench:
    """One network with everything that is made once."""

    def __init__(self, setting: Setting, device: torch.device) -> None:
        self.setting, self.device = setting, device
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            self.model = setting.build().eval().to(device)
        shape = (3, setting.pixels, setting.pixels)
        self.images = torch.randn(setting.images, *shape, generator=generator).to(device)
        self.inputs = (self.images[:1],)
        known = torch.randn(setting.statistics, *shape, generator=generator)
        spec = Repair(mode="static", images=setting.statistics, positions=setting.positions)
        self.space = cpruner.trace(self.model, self.inputs)
        self.gather_s, self.statistics = clock(lambda: gather(self.model, [(known, None)], spec))
        self.repairer = Repairer(self.model, self.space, self.statistics, spec)
        self.surgeon = Surgeon(self.model, self.space.plan)
        self.budgets = [Budget(Flops(), limit=0.5), Budget(Params(), limit=0.5)]
        self.dense = measure_dense(self.budgets, self.model, self.inputs)
        self.first_s = self.timed(lambda: self.repairer(self.space.uniform(0.5)))

    def timed(self, call: Callable[[], Any]) -> float:
        """Seconds, until the device is done."""

        def whole() -> None:
            call()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        return clock(whole)[0]

    def candidate(self, share: float, generator: np.random.Generator) -> cpruner.Candidate:
        """Random keep ratios on a budget of FLOPs."""
        limit = share * self.space.count(self.space.dense()).flops
        ratios = generator.uniform(LOW, 1.0, len(self.space.groups))
        return self.space.at(Countable(self.space, (("flops", limit),)).fit(ratios, LOWEST).tolist())

    def forward(self, network: nn.Module) -> None:
        """All search images."""
        with torch.inference_mode():
            for batch in self.images.split(self.setting.batch):
                network(batch)

    def ours(self, candidate: cpruner.Candidate) -> dict[str, float]:
        """Seconds of every part; a candidate remembers what it looked up, so each part gets a fresh one."""
        cut = self.timed(lambda: self.surgeon(dataclasses.replace(candidate)))
        both = self.timed(lambda: self.repairer(dataclasses.replace(candidate)))
        small = self.repairer(candidate)
        costs = self.timed(lambda: read(self.budgets, small, self.inputs, self.dense))
        forward = self.timed(lambda: self.forward(small))
        return {"cut": cut, "refit": both - cut, "costs": costs, "forward": forward}

    def theirs(self, share: float) -> dict[str, float]:
        """Seconds of the obvious way."""
        made: list[nn.Module] = []
        ratio = 1 - share**0.5

        def prune() -> None:
            twin = copy.deepcopy(self.model)
            peer.pruner(twin, self.inputs, self.setting.classes, ratio).step()
            made.append(twin)

        return {
            "prune": self.timed(prune),
            "recalibrate": self.timed(lambda: recalibrate(made[0], self.statistics.images)),
            "forward": self.timed(lambda: self.forward(made[0])),
        }
