"""The walls of ARCHITECTURE.md: which room may import which. A breach is named by file, line and import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = {
    "agent": set(),
    "candidate": set(),
    "constraint": set(),
    "data": set(),
    "env": {"space", "candidate", "constraint", "evaluate", "pool", "repair"},
    "evaluate": {"data"},
    "finetune": {"data", "evaluate"},
    "history": {"agent", "constraint", "env", "evaluate", "search", "space"},
    "model": set(),
    "ranking": {"space", "candidate", "repair"},
    "pool": set(),
    "repair": {"space", "candidate"},
    "report": set(),
    "search": {"env", "agent", "candidate", "surrogate"},
    "space": {"candidate"},
    "surrogate": {"space", "candidate", "repair", "ranking"},
}
ROOMS["testing"] = set(ROOMS)
# stands above the pipeline
ROOMS["command"] = set(ROOMS) | {"pipeline", "prepare", "prepared", "result", "screen", "settings", "watch"}
INNER = {  # what the folders inside a room may import of it; its other files may import them all
    ("space", "label"): {"group"},
    ("space", "run"): {"label"},
    ("space", "rule"): {"label", "run"},
    ("space", "program"): {"label", "run"},
    ("space", "proof"): {"capture", "freeze", "group", "run", "space"},
    ("agent", "baseline"): set(),
    ("agent", "encoder"): {"network", "sequences"},
    ("agent", "multiplier"): set(),
    ("agent", "policy"): {"encoder", "network", "sequences"},
    ("agent", "update"): {"adam", "policy", "sequences"},
    ("agent", "off_policy"): {"adam", "adoption", "multiplier", "network", "normaliser"},
    ("repair", "watch"): set(),
    ("repair", "statistics"): {"spec", "watch"},
    ("repair", "refit"): {"spec", "statistics", "watch"},
}
OPEN = {"errors", "spec"}  # root modules that every file may import
CMDP = {"agent", "command", "env", "history", "search", "testing"}  # rooms that may import cmdp
LOW = {"errors": set(), "spec": {"errors"}, "cmdp": {"errors"}}  # root modules that stand below the rooms
HYDRA = {"cli", "schema"}  # root modules that may import hydra and omegaconf
KNOW_HYDRA = {"cli": {"__main__"}, "schema": {"cli", "verify"}}  # who may import those two


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything imported anywhere in a file of ``package``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from ((node.lineno, a.value) for a in node.args if isinstance(a, ast.Constant))


def breach(owner: str, name: str) -> str | None:
    """Why ``owner``, a room or root module, may not import the dotted ``name``; None if it may."""
    top, _, rest = name.partition(".")
    target = rest.partition(".")[0]
    if top in {"hydra", "omegaconf"}:
        return None if owner in HYDRA else f"only {' and '.join(sorted(HYDRA))} may know Hydra"
    if top != "cpruner" or target == owner:
        return None
    if owner in ROOMS or owner in LOW:
        allowed = LOW[owner] if owner in LOW else ROOMS[owner] | OPEN | ({"cmdp"} if owner in CMDP else set())
        return None if target in allowed else f"{owner} may only import {', '.join(sorted(allowed)) or 'nothing'}"
    knowers = KNOW_HYDRA.get(target, {owner})
    return None if owner in knowers else f"only {' and '.join(sorted(knowers))} may import {target}"


def inner_breach(room: str, folder: str, name: str) -> str | None:
    """The same for a folder inside a room."""
    allowed = INNER.get((room, folder))
    _, _, rest = name.partition(f"cpruner.{room}.")
    target = rest.partition(".")[0]
    if allowed is None or not target or target in {folder, *allowed}:
        return None
    return f"{room}/{folder} may only import {', '.join(sorted(allowed))} of {room}"


def breaches(path: str, source: str) -> list[str]:
    """Every forbidden import of one file; ``path`` is relative to the repository, with forward slashes."""
    parts = Path(path).with_suffix("").parts
    names = imported(ast.parse(source), ".".join(parts[:-1]))
    folder = parts[2] if len(parts) > 3 else ""
    reasons = ((line, name, breach(parts[1], name) or inner_breach(parts[1], folder, name)) for line, name in names)
    return [f"{path}:{line} imports {name}: {reason}" for line, name, reason in reasons if reason]


def test_no_file_breaches_a_wall() -> None:
    files = sorted((ROOT / "cpruner").rglob("*.py"))
    assert files
    found = [b for f in files for b in breaches(f.relative_to(ROOT).as_posix(), f.read_text(encoding="utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_every_room_has_walls() -> None:
    rooms = {path.parent.name for path in (ROOT / "cpruner").glob("*/__init__.py")}
    assert rooms <= set(ROOMS), f"{sorted(rooms - set(ROOMS))}: add the room to ROOMS and to ARCHITECTURE.md"
    inner = {(path.parent.parent.name, path.parent.name) for path in (ROOT / "cpruner").glob("*/*/__init__.py")}
    assert inner == set(INNER)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cpruner/agent/ppo.py", "from cpruner.space import trace"),
        ("cpruner/agent/ppo.py", "import cpruner.env.reward as reward"),
        ("cpruner/agent/ppo.py", "from cpruner import space"),
        ("cpruner/agent/ppo.py", "from cpruner import prune"),
        ("cpruner/agent/ppo.py", "import cpruner"),
        ("cpruner/agent/ppo.py", "from ..space.trace import trace"),
        ("cpruner/candidate/plan.py", "from ..space import trace"),
        ("cpruner/constraint/cost.py", "def f():\n    from cpruner.data import Splits"),
        ("cpruner/constraint/cost.py", "import importlib\nimportlib.import_module('cpruner.data')"),
        ("cpruner/repair/refit/static.py", "from cpruner import cmdp"),
        ("cpruner/repair/refit/static.py", "from cpruner.ranking import rank"),
        ("cpruner/search/loop.py", "from cpruner.pipeline import prune"),
        ("cpruner/surrogate/refine.py", "from cpruner.evaluate import score"),
        ("cpruner/ranking/elimination.py", "from cpruner.surrogate import curvature"),
        ("cpruner/spec.py", "from cpruner.space import trace"),
        ("cpruner/pipeline.py", "import hydra"),
        ("cpruner/pipeline.py", "from cpruner.schema import register"),
        ("cpruner/__init__.py", "from cpruner.cli import main"),
        ("cpruner/agent/ppo.py", "from omegaconf import DictConfig"),
        ("cpruner/space/label/sheet.py", "from cpruner.space.run.tracer import Tracer"),
        ("cpruner/space/rule/window.py", "from cpruner.space.program import chain"),
        ("cpruner/space/run/record.py", "from ..capture import Capture"),
        ("cpruner/repair/watch/watch.py", "from cpruner.repair.statistics import Layer"),
    ],
)
def test_a_breach_is_seen_and_named(path: str, source: str) -> None:
    (found,) = breaches(path, source)
    assert found.startswith(f"{path}:{len(source.splitlines())} imports ")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cpruner/agent/ppo.py", "from cpruner.agent.policy import Policy\nfrom .policy import Policy"),
        ("cpruner/agent/ppo.py", "from cpruner import cmdp, spec\nfrom cpruner.errors import InputError\nimport torch"),
        ("cpruner/env/env.py", "from cpruner.repair import repair\nfrom cpruner.cmdp import Step"),
        ("cpruner/testing/nets.py", "from cpruner.search import run"),
        ("cpruner/pipeline.py", "from cpruner import agent, report"),
        ("cpruner/cli.py", "import hydra\nfrom cpruner.schema import register\nfrom cpruner.pipeline import prune"),
        ("cpruner/verify.py", "from cpruner.schema import register"),
        ("cpruner/__main__.py", "from cpruner.cli import main"),
        ("cpruner/space/run/tracer.py", "from cpruner.space.label.sheet import Sheet\nfrom .record import Entry"),
        ("cpruner/space/trace.py", "from cpruner.space.run.run import untouched"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert breaches(path, source) == []
