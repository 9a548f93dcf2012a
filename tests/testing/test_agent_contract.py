import inspect

import numpy as np
import pytest
import torch

import cpruner.agent
from cpruner.agent import Clipped, CrossEntropy, OnPolicy, Uniform
from cpruner.cmdp import UpdateStats
from cpruner.errors import InputError
from cpruner.testing import Allocation, ToyCMDP, check_agent

EXPORTED = {name: getattr(cpruner.agent, name) for name in cpruner.agent.__all__}
AGENTS = [  # specs, and functions that return one; the others are parts of a spec
    name
    for name, value in EXPORTED.items()
    if inspect.isfunction(value) or (hasattr(value, "build") and "seed" in inspect.signature(value.build).parameters)
]
CHEAP = {"OnPolicy": OnPolicy(update=Clipped(epochs=3)), "CrossEntropy": CrossEntropy(episodes_per_update=4)}


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(ToyCMDP.unconstrained(), id="K0", marks=pytest.mark.slow),
        pytest.param(ToyCMDP.two(), id="K2"),
        pytest.param(Allocation(groups=3), id="noisy", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", AGENTS)
def test_every_exported_agent_keeps_the_contract(name, env):
    spec = CHEAP.get(name) or EXPORTED[name]()
    check_agent(spec, env, env.problem)


class Wrong:
    """A uniform agent with one fault."""

    def __init__(self, fault):
        self.fault = fault

    def build(self, problem, seed):
        self.problem, self.inner, self.seed = problem, Uniform().build(problem, seed), seed
        self.history, self.drawn = [], np.random.default_rng()
        return self

    @property
    def episodes_per_update(self):
        return 0 if self.fault == "no episodes" else 1

    def begin(self):
        self.inner.begin()

    def act(self, observation, *, deterministic=False):
        action = self.inner.act(observation)
        if self.fault == "global":
            action += float(torch.rand(())) * 0.0
        if self.fault == "unseeded":
            action = action * self.drawn.random()
        if self.fault == "forgets":
            action = action / (1 + len(self.history))
        return {"shape": np.zeros(3), "nan": action * np.nan}.get(self.fault, action)

    def update(self, episodes):
        self.history.append(1.0)
        return {
            "multipliers": UpdateStats(multipliers=(1.0,) * 7),
            "infinite": UpdateStats(scalars={"kl": float("inf")}),
        }.get(self.fault, UpdateStats())

    def state_dict(self):
        extra = {"object": {"spec": Uniform()}, "alias": {"history": self.history}}
        return {**self.inner.state_dict(), **extra.get(self.fault, {})}

    def load_state_dict(self, state):
        self.inner.load_state_dict(state)
        self.history = list(state.get("history", []))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no episodes", "episodes_per_update >= 1"),
        ("shape", r"actions of shape \(1,\), got \(3,\)"),
        ("nan", "finite actions"),
        ("multipliers", "2 multipliers or none, got 7"),
        ("infinite", "finite statistics"),
        ("object", r"state\['spec'\] is a plain value, got Uniform"),
        ("alias", "a saved state does not change"),
        ("global", "global generator is left alone"),
        ("unseeded", "the same seed gives the same run"),
        ("forgets", "a resumed run continues bit-identically"),
    ],
)
def test_each_fault_is_found_and_named(fault, message):
    env = ToyCMDP.two()
    with pytest.raises(InputError, match=f"Wrong: expected .*{message}"):
        check_agent(Wrong(fault), env, env.problem)
