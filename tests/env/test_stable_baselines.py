"""Agents of another library learn in the environment through nothing but Gymnasium's interface."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_checker import check_env
from tiny_task import env

from cpruner.cmdp import Array
from cpruner.env import PruningEnv

NETWORK = {"net_arch": [32, 32]}
Learn = Callable[[PruningEnv], Any]


def ppo(posed: PruningEnv) -> Any:
    """No learning yet."""
    options = {"n_steps": 96, "batch_size": 48, "learning_rate": 0.003, "gamma": 1.0, "policy_kwargs": NETWORK}
    return PPO("MlpPolicy", posed, seed=0, device="cpu", **options)


def sac(posed: PruningEnv) -> Any:
    """No learning yet."""
    options = {"learning_starts": 90, "batch_size": 64, "learning_rate": 0.003, "gamma": 1.0, "ent_coef": 0.01}
    options["policy_kwargs"] = NETWORK
    return SAC("MlpPolicy", posed, seed=0, device="cpu", **options)


@pytest.fixture(autouse=True)
def numbers_of_others_are_left_alone() -> Iterator[None]:
    """The library seeds the global generators; torch's own is kept for every test already."""
    ours, theirs = random.getstate(), np.random.get_state()  # noqa: NPY002 - only kept
    yield
    random.setstate(ours)
    np.random.set_state(theirs)  # noqa: NPY002 - only given back


def earned(posed: PruningEnv, act: Callable[[Array], Array]) -> float:
    """The reward of one episode."""
    seen, _ = posed.reset()
    done, total = False, 0.0
    while not done:
        seen, reward, done, _, _ = posed.step(act(seen))
        total += reward
    return total


def by(model: Any) -> Callable[[Array], Array]:
    return lambda seen: np.asarray(model.predict(seen, deterministic=True)[0])


@pytest.mark.filterwarnings("ignore:We recommend you to use a symmetric and normalized Box action space")
@pytest.mark.filterwarnings("ignore:Your action space has dtype float64, we recommend using np.float32")
def test_their_checker_finds_nothing_to_complain_about() -> None:
    check_env(env(), skip_render_check=True)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "steps"), [(ppo, 1920), (sac, 450)])
def test_their_agents_learn_here(make: Learn, steps: int) -> None:
    """Better than before, and than three of four random proposals; every network is on its budgets all along."""
    posed, generator = env(), np.random.default_rng(0)
    tried = [earned(posed, lambda _: generator.uniform(size=1)) for _ in range(100)]
    model = make(posed)
    before = earned(posed, by(model))
    model.learn(steps)
    after = earned(posed, by(model))
    assert posed.judged.feasible
    assert after > before
    assert after > np.quantile(tried, 0.75) > np.mean(tried)
