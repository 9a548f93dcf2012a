"""A job of seconds: the default network at width 4 on digits, one epoch of training, four evaluations."""

import functools
from dataclasses import replace
from typing import Any

import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf
from torch import nn

from cpruner.agent import Random, WarmUp
from cpruner.command.job import Job
from cpruner.constraint import Budget, Flops, Params
from cpruner.data import Digits, Splits
from cpruner.env import PruningProblem
from cpruner.evaluate import Judging
from cpruner.finetune import FineTune
from cpruner.history import Past
from cpruner.model import SmallResNet
from cpruner.pool import Pool
from cpruner.ranking import Rank
from cpruner.repair import Polish, Repair
from cpruner.schema import register
from cpruner.search import Assistant, Search
from cpruner.space import Scope

UNTRAINED = (
    *("model.width=4", "model.inner=1", "dense.epochs=0", "finetune.epochs=0", "search.evaluations=4", "agent=random"),
    *("repair.images=64", "repair.positions=2", "search.baselines=[uniform]"),
)
TRAINED = (*UNTRAINED, "dense.epochs=1", "dense.warmup_epochs=0", "finetune.epochs=1")
BUDGETS = (Budget(Flops(), 0.5), Budget(Params(), 0.4))


@functools.cache
def _registered() -> None:
    register()


def composed(*overrides: str) -> DictConfig:
    """The config of ``cpruner OVERRIDES``."""
    _registered()
    with initialize_config_module("cpruner.conf", version_base="1.3"):
        return compose("config", overrides=list(overrides))


def plain(config: Any) -> Any:
    """As lists and dicts."""
    return OmegaConf.to_container(config)


def job(**changed: Any) -> Job:
    """The job of ``TRAINED``, without a config."""
    usual = Job(
        job="tiny",
        seed=0,
        device="cpu",
        space=Scope(),
        pool=Pool(),
        threads=1,
        model=SmallResNet(width=4, inner=1),
        data=Digits(),
        budgets=BUDGETS,
        agent=Random(),
        search=Search(evaluations=4, baselines=["uniform"]),
        finetune=FineTune(epochs=1),
        dense=FineTune(epochs=1),
        repair=Repair(images=64, positions=2),
        ranking=Rank(),
        warm_up=WarmUp(),
        assistant=Assistant(),
        past=Past(),
        polish=Polish(),
        problem=PruningProblem(),
        judging=Judging(),
    )
    return replace(usual, **changed)


@functools.cache
def splits() -> Splits:
    """Digits, split by seed 0."""
    return Digits().load(0)


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same tensors."""
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
