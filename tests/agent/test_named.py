import inspect
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_module

import cpruner
from cpruner.agent import Clipped, NuPI, OnPolicy, named
from cpruner.schema import register, to_job

NAMED = {
    name: function
    for name, function in inspect.getmembers(named, inspect.isfunction)
    if function.__module__ == named.__name__
}

FEW = ("ppo_lagrangian", "decore", "malik2022")  # the default and those with options of their own in several parts


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.integration) for name in NAMED]
)
def test_the_command_composes_the_same_agent(name: str) -> None:
    register()
    with initialize_config_module("cpruner.conf", version_base="1.3"):
        job = to_job(compose("config", [f"agent={name}"]))
    assert job.agent == NAMED[name]()


@pytest.mark.parametrize("name", NAMED)
def test_every_part_can_be_replaced(name: str) -> None:
    made = NAMED[name](multiplier=NuPI(), update=Clipped(), reuse=3, penalty="advantage")
    assert isinstance(made, OnPolicy)
    assert made.multiplier == NuPI()
    assert made.update == Clipped()
    assert (made.reuse, made.penalty) == (3, "advantage")


def test_every_on_policy_file_of_the_command_has_a_function() -> None:
    folder = Path(str(cpruner.__file__)).parents[1] / "conf" / "agent"
    files = {path.stem for path in folder.glob("*.yaml") if "on_policy@" in str(yaml.safe_load(path.read_text()))}
    assert files == set(NAMED)


def test_names_differ() -> None:
    specs = [repr(function()) for function in NAMED.values()]
    assert len(set(specs)) == len(specs)
