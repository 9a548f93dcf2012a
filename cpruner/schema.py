"""Hydra schemas derived from the specs, and specs rebuilt from a composed config.

This module and ``cli`` are the only ones that know Hydra and OmegaConf. Names, types, defaults and ranges live in the
specs alone.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from omegaconf import MISSING, DictConfig, OmegaConf

from cpruner.catalogue import SPECS
from cpruner.command.job import Job
from cpruner.constraint import Budget
from cpruner.errors import ArtefactError, InputError
from cpruner.search import Search

CONFIG = Path("config") / "config.yaml"


@dataclasses.dataclass
class Root:
    """Schema of the whole config; groups fill the nodes."""

    job: str = "cpruner"
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    model: Any = MISSING
    data: Any = MISSING
    constraint: Any = dataclasses.field(default_factory=dict)
    agent: Any = MISSING
    search: Any = MISSING
    finetune: Any = MISSING
    dense: Any = MISSING
    repair: Any = MISSING
    ranking: Any = MISSING
    warm_up: Any = MISSING
    assistant: Any = MISSING
    past: Any = MISSING
    polish: Any = MISSING
    problem: Any = MISSING
    judging: Any = MISSING
    space: Any = MISSING
    pool: Any = MISSING


def register() -> None:
    """Put every schema into Hydra's store, as ``spec/<group>/<name>``."""
    store = ConfigStore.instance()
    for group, specs in SPECS.items():
        for name, spec in specs.items():
            store.store(group=f"spec/{group}", name=name, node=schema_of(spec, budget=group == "constraint"))
    store.store(name="root", node=Root)


def schema_of(spec: type, *, budget: bool = False) -> type:
    """A mutable dataclass with the fields of a frozen spec, its import path, and a limit if it is the cost of a budget.

    A frozen dataclass used as a schema would make the node read-only.
    """
    fields: list[Any] = [("_target_", str, dataclasses.field(default=f"{spec.__module__}.{spec.__qualname__}"))]
    for field in dataclasses.fields(spec):
        if dataclasses.is_dataclass(field.default):  # a spec inside a spec is the choice of a group of its own
            fields.append((field.name, Any, dataclasses.field(default="???")))
            continue
        if field.default_factory is not dataclasses.MISSING:
            default = dataclasses.field(default_factory=field.default_factory)
        else:
            default = dataclasses.field(default=field.default)
        fields.append((field.name, _hydra_type(field.type), default))
    if budget:
        fields.append(("limit", int | float | str, dataclasses.field(default="???")))
    return dataclasses.make_dataclass(f"{spec.__name__}Schema", [(n, _hydra_type(t), d) for n, t, d in fields])


def _hydra_type(annotation: Any) -> Any:
    """OmegaConf wants ``typing.Union`` where specs write ``X | None``."""
    if isinstance(annotation, types.UnionType):
        return typing.Union[typing.get_args(annotation)]  # noqa: UP007 - built at run time
    return annotation


def check_choices(words: Sequence[str], conf: Path) -> None:
    """Refuse null or a number in the place of a group's choice, which would end in a traceback of Hydra's.

    Args:
        words: The arguments of the command line.
        conf: Folder of the YAML files.

    Raises:
        InputError: Naming the group.
        OverrideParseException: A word is malformed.
    """
    parser = OverridesParser.create()
    for word in words:
        if word.startswith(("-", "~")) or "=" not in word:
            continue
        (override,) = parser.parse_overrides([word])
        group = override.key_or_group
        is_group = "/" in group or (conf / group).is_dir()
        if is_group and any(value is None or isinstance(value, int | float) for value in _leaves(override.value())):
            names = ", ".join(sorted(path.stem for path in (conf / group).glob("*.yaml")))
            expected = f"one of {names}" if names else "a name"
            remedy = f"Leave it out or write {group}=<name>; see cpruner --help."
            raise InputError(group, expected=expected, got=override.get_value_string(), remedy=remedy)


def _leaves(value: Any) -> Iterator[Any]:
    """What is named, singly, in a list or in the values of a sweep."""
    value = value.list if isinstance(value, ChoiceSweep) else value
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def to_job(config: DictConfig) -> Job:
    """Rebuild every spec of a composed config.

    Raises:
        InputError: An option is out of range, missing, or names a class that is not an exported spec.
    """
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    budgets = tuple(_budget(name, node) for name, node in plain["constraint"].items())
    rooms = [room for room in (*SPECS, "dense") if room != "constraint" and "/" not in room]
    specs = {room: _spec(room, plain[room]) for room in rooms}
    return Job(
        budgets=budgets,
        **{**specs, "search": _anchored(specs["search"])},
        **{name: plain[name] for name in ("job", "seed", "device", "threads")},
    )


def _anchored(search: Search) -> Search:
    """Follow links in ``search.resume`` now: ``latest`` points elsewhere as soon as the new run starts."""
    if search.resume is None:
        return search
    return dataclasses.replace(search, resume=str(Path(search.resume).resolve()))


def _budget(name: str, node: Any) -> Budget:
    node = _options(f"constraint.{name}", node)
    limit = node.pop("limit", "???")
    if limit in ("???", None):
        remedy = f"Set constraint.{name}.limit, for instance 0.5 or '3.2 ms'."
        raise InputError(f"constraint.{name}.limit", expected="a limit", got="none", remedy=remedy)
    return Budget(_spec(f"constraint.{name}", node), limit=limit, name=name)


def _options(where: str, node: Any) -> dict[str, Any]:
    if not isinstance(node, dict):
        remedy = "Leave it out or choose one of its options; see cpruner --help."
        raise InputError(where, expected="a group of options", got=repr(node), remedy=remedy)
    return dict(node)


def _spec(where: str, node: Any) -> Any:
    node = _options(where, node)
    known = {f"{spec.__module__}.{spec.__qualname__}": spec for specs in SPECS.values() for spec in specs.values()}
    target = node.pop("_target_", None)
    if target not in known:
        remedy = f"Choose one of {', '.join(sorted(known))}."
        raise InputError(f"{where}._target_", expected="an exported spec of cpruner", got=target, remedy=remedy)
    missing = [name for name, value in node.items() if value == "???"]
    if missing:
        expected = f"a value for {where}.{missing[0]}"
        raise InputError(where, expected=expected, got="none", remedy=f"Set {where}.{missing[0]}=...")
    unknown = node.keys() - {field.name for field in dataclasses.fields(known[target])}
    if unknown:
        remedy = f"Its options are {', '.join(field.name for field in dataclasses.fields(known[target]))}."
        raise InputError(f"{where}.{min(unknown)}", expected="no such option", got="a value", remedy=remedy)
    inner = {name: _spec(f"{where}.{name}", value) for name, value in node.items() if _is_spec(value)}
    try:
        return known[target](**node | inner)
    except InputError as error:  # users of the command know model.width, not SmallResNet.width
        named = f"{known[target].__name__}."
        error.what = error.what.replace(named, f"{where}.")
        error.args = (str(error).replace(named, f"{where}."),)
        raise


def _is_spec(value: Any) -> bool:
    return isinstance(value, dict) and "_target_" in value


def load_job(run_dir: Path) -> Job:
    """The job of a run directory, from its composed config.

    Raises:
        ArtefactError: There is no config in it.
    """
    path = run_dir / CONFIG
    if not path.is_file():
        raise ArtefactError(
            f"run directory: expected {path}, got no such file. Give the folder of a run of the command."
        )
    config = OmegaConf.load(path)
    if not isinstance(config, DictConfig):
        raise ArtefactError(f"{path}: expected a mapping, got a list. Give the folder of a run of the command.")
    return to_job(config)
