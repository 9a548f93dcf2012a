"""Every YAML of conf/ composes to its spec, and every option is there on purpose."""

import dataclasses
import inspect
import typing
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf
from tiny_job import composed, plain

from cpruner import agent, constraint, data, model
from cpruner.catalogue import SPECS
from cpruner.schema import schema_of, to_job

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
OPTIONS = Path(__file__).with_name("options.txt")
NODES = ("model", "data", "agent", "search", "finetune")
NEEDED = {  # what has no default
    ("constraint", "external"): ("constraint.external.function=math:hypot", "constraint.external.limit=0.5"),
    ("data", "image_folder"): ("data.path=somewhere",),
}
KNOWN = {f"{spec.__module__}.{spec.__qualname__}": spec for specs in SPECS.values() for spec in specs.values()}


@cache
def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


PARTS = tuple(group for group in SPECS if "/" in group)
ALL = [(group, choice) for group in (*NODES, *PARTS, "constraint") for choice in choices(group)]


@cache
def default_config() -> DictConfig:
    """Composed once: it takes a quarter of a second."""
    return composed()


def with_others(group: str, choice: str) -> DictConfig:
    """The default with this option, and with options of other groups: composing takes a quarter of a second."""
    groups = PARTS if group in PARTS else (*NODES, "constraint")
    return round_of(groups, choices(group).index(choice))


@cache
def round_of(groups: tuple[str, ...], number: int) -> DictConfig:
    """The default with the option of this number of every group that has so many."""
    words: list[str] = []
    for group, choice in ((group, choices(group)[number]) for group in groups if number < len(choices(group))):
        value = f"[{choice}]" if group == "constraint" else choice
        words += [f"{group}={value}", *NEEDED.get((group, choice), ())]
    return composed(*words)


def chosen(group: str, choice: str) -> dict[str, Any]:
    """The node of one option of a group."""
    node = OmegaConf.select(with_others(group, choice), group.replace("/", "."))
    return plain(node[choice] if group == "constraint" else node)


def written(group: str, choice: str) -> dict[str, Any]:
    """The values that a YAML file itself holds."""
    values = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in values.items() if key not in {"defaults", "limit"}}


def default(field: "dataclasses.Field[Any]") -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def test_the_default_config_is_a_job() -> None:
    job = to_job(default_config())
    assert (type(job.model).__name__, type(job.agent).__name__) == ("SmallResNet", "OnPolicy")
    assert [(budget.name, budget.limit) for budget in job.budgets] == [("flops", 0.5), ("params", 0.4)]
    assert dataclasses.is_dataclass(job.finetune)
    assert job.finetune != job.dense


@pytest.mark.parametrize(("group", "choice"), ALL)
def test_each_option_composes_to_a_job(group: str, choice: str) -> None:
    job = to_job(with_others(group, choice))
    spec = job.budgets[0].cost if group == "constraint" else attrgetter(group.replace("/", "."))(job)
    assert type(spec) is KNOWN[chosen(group, choice)["_target_"]]


@pytest.mark.parametrize("choice", choices("experiment"))
def test_each_experiment_composes_to_a_job(choice: str) -> None:
    job = to_job(composed(f"experiment={choice}"))
    assert job.job == choice
    assert job.budgets


@pytest.mark.parametrize("choice", choices("launcher"))
def test_each_launcher_composes(choice: str) -> None:
    assert plain(composed(f"launcher={choice}")) == plain(default_config())


@pytest.mark.parametrize(("group", "choice"), ALL)
def test_each_node_is_its_dataclass(group: str, choice: str) -> None:
    node, own = chosen(group, choice), written(group, choice)
    extra = {"_target_", "limit"} if group == "constraint" else {"_target_"}
    fields = {field.name: field for field in dataclasses.fields(KNOWN[node["_target_"]])}
    assert set(node) == set(fields) | extra
    given = {needed.split("=")[0].split(".")[-1] for needed in NEEDED.get((group, choice), ())}
    for name, field in fields.items():
        if dataclasses.is_dataclass(field.default):
            assert node[name]["_target_"] in KNOWN, name
        elif name not in own.keys() | given:
            assert node[name] == default(field), name


@pytest.mark.parametrize(("group", "choice"), [*ALL, ("finetune", "dense")])
def test_no_yaml_repeats_a_default(group: str, choice: str) -> None:
    spec = KNOWN[chosen(group, choice)["_target_"]]
    fields = {field.name: field for field in dataclasses.fields(spec)}
    for name, value in written(group, choice).items():
        assert value != default(fields[name]), f"conf/{group}/{choice}.yaml repeats the default of {name}"


@pytest.mark.parametrize("room", ["repair", "ranking", "polish", "problem", "judging", "space", "pool"])
def test_nodes_without_a_yaml_are_their_dataclass(room: str) -> None:
    node = plain(default_config()[room])
    spec = KNOWN[node.pop("_target_")]
    assert node == {field.name: default(field) for field in dataclasses.fields(spec)}


@pytest.mark.parametrize("target", sorted(KNOWN))
def test_types_are_those_of_the_dataclass(target: str) -> None:
    spec = KNOWN[target]
    hints = typing.get_type_hints(spec)  # class variables among them
    parts = {field.name: Any for field in dataclasses.fields(spec) if dataclasses.is_dataclass(field.default)}
    wanted = {field.name: hints[field.name] for field in dataclasses.fields(spec)} | parts
    assert typing.get_type_hints(schema_of(spec)) == {"_target_": str, **wanted}


def test_every_exported_spec_has_a_yaml() -> None:
    parts = {f"agent/{part}": getattr(agent, part) for part in ("encoder", "multiplier", "policy", "update")}
    rooms = {"agent": agent, **parts, "constraint": constraint, "data": data, "model": model}
    assert set(PARTS) == set(parts)
    for group, room in rooms.items():
        exported = {
            value
            for value in (getattr(room, name) for name in room.__all__)
            if dataclasses.is_dataclass(value)
            and any(hasattr(value, method) for method in ("build", "load", "measure"))
            and (group != "agent" or "seed" in inspect.signature(value.build).parameters)
        }
        reached = {KNOWN[chosen(group, choice)["_target_"]] for choice in choices(group)}
        assert reached == exported == set(SPECS[group].values()), group


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in {"malik2022", "ddpg"} else pytest.mark.integration)
        for name in choices("agent")
    ],
)
def test_every_part_of_every_agent_can_be_replaced(name: str) -> None:
    """What a named agent sets in a part does not outlive the part."""
    others = {"agent/encoder": "attention", "agent/multiplier": "nupi", "agent/policy": "beta", "agent/update": "cup"}
    assert set(others) == set(PARTS)
    mine = plain(with_others("agent", name)["agent"])
    replaced = {part: choice for part, choice in others.items() if part.split("/")[1] in mine}
    node = plain(composed(f"agent={name}", *(f"{part}={choice}" for part, choice in replaced.items()))["agent"])
    for part, choice in replaced.items():
        assert node[part.split("/")[1]] == chosen(part, choice), part


def test_several_constraints_are_chosen_at_once() -> None:
    job = to_job(
        composed("constraint=[flops,latency]", "constraint.latency.limit=3.2 ms", "constraint.flops.limit=0.6")
    )
    assert [(budget.name, budget.limit) for budget in job.budgets] == [("flops", 0.6), ("latency", "3.2 ms")]
    assert job.budgets[1].resolve(dense=100.0) == pytest.approx(3.2)


@pytest.mark.parametrize(("text", "absolute"), [("2000", 2000.0), ("0.25", 1000.0), ("60 %", 2400.0), ("1.5k", 1500.0)])
def test_a_limit_may_be_a_share_an_amount_or_text(text: str, absolute: float) -> None:
    (budget,) = to_job(composed("constraint=[params]", f"constraint.params.limit={text}")).budgets
    assert budget.resolve(dense=4000.0) == absolute


def test_specs_may_be_changed_one_option_at_a_time() -> None:
    job = to_job(composed("finetune.epochs=3", "model.width=5"))
    assert (job.finetune.epochs, job.dense.epochs, job.model.width) == (3, 20, 5)  # type: ignore[attr-defined]


def options() -> set[str]:
    """Root options, and those of every spec as they are written on the command line, with the spec they belong to."""
    config = plain(default_config())
    nodes = [
        (f"{group}.{choice}" if group == "constraint" else group.replace("/", "."), chosen(group, choice))
        for group, choice in ALL
    ]
    nodes += [(room, config[room]) for room in ("repair", "ranking", "polish", "problem", "judging", "space", "pool")]
    lines = {
        f"{where}.{name}  # {node['_target_'].split('.')[-1]}"
        for where, node in nodes
        for name in node.keys() - {"_target_"}
    }
    return lines | {name for name, value in config.items() if not isinstance(value, dict)}


def test_a_new_option_is_a_conscious_act() -> None:
    frozen, found = set(OPTIONS.read_text(encoding="utf-8").splitlines()), options()
    lines = [f"add: {name}" for name in sorted(found - frozen)] + [f"drop: {name}" for name in sorted(frozen - found)]
    assert not lines, f"the options of the command changed; if that is meant, edit {OPTIONS}:\n" + "\n".join(lines)
