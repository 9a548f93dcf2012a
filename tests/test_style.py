"""The style sheet as numbers: what a reviewer would have to count is counted here. Every breach names file and line."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "cpruner").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = [path for folder in ("benchmarks", "experiments", "conf") for path in sorted((ROOT / folder).rglob("*.py"))]

FILE_LINES = 250
FUNCTION_LINES = 60
TEST_RATIO = 0.85

# Source files without a twin of their own, each with the reason why another test covers it.
WITHOUT_TWIN: dict[str, str] = {}

# torch functions that draw from the global generator unless they are given one
TORCH_DRAWS = {"bernoulli", "multinomial", "normal", "poisson", "rand", "randint", "randn", "randperm"}
NUMPY_OBJECTS = {"BitGenerator", "Generator", "PCG64", "Philox", "SeedSequence", "default_rng"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> tuple[str, ast.Module, str]:
    """What a check is given; every check reads every file."""
    source = path.read_text(encoding="utf-8")
    return relative(path), ast.parse(source), source


def long_file(path: str, tree: ast.Module, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > FILE_LINES:
        yield f"{path}: {lines} lines, at most {FILE_LINES}; split it by noun"


def drawer(path: str, tree: ast.Module, source: str) -> Iterator[str]:
    for part in Path(path).with_suffix("").parts:
        if part in {"utils", "util", "common", "helpers", "misc"}:
            yield f"{path}: '{part}' names a drawer; name what the code is about"


def long_function(path: str, tree: ast.Module, source: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{path}:{node.lineno} {node.name}: {lines} lines, at most {FUNCTION_LINES}"


def prints(path: str, tree: ast.Module, source: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{path}:{node.lineno} print: return a value, log it, or let the command line show it"


def wildcard(path: str, tree: ast.Module, source: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"{path}:{node.lineno} from {node.module} import *: name what is imported"


def global_rng(path: str, tree: ast.Module, source: str) -> Iterator[str]:
    """Calls that read or seed a global generator; under ``with torch.random.fork_rng()`` that is nobody else's."""
    forked = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and any("fork_rng" in ast.unparse(item.context_expr) for item in node.items)
        for inner in ast.walk(node)
    }
    origins = _origins(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in forked:
            head, _, rest = ast.unparse(node.func).partition(".")
            name = f"{origins.get(head, head)}.{rest}".rstrip(".")
            if (
                head in origins
                and "(" not in name
                and _is_global_draw(name, {keyword.arg for keyword in node.keywords})
            ):
                yield f"{path}:{node.lineno} {name}: draws from the global generator; pass one as argument"


def _origins(tree: ast.Module) -> dict[str, str]:
    """Local name -> full dotted name, for everything imported."""
    origins = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                origins[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and not node.level:
            origins |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return origins


def _is_global_draw(name: str, keywords: set[str | None]) -> bool:
    module, _, function = name.rpartition(".")
    if module == "random":
        return function not in {"Random", "SystemRandom"}
    if module == "numpy.random":
        return function not in NUMPY_OBJECTS
    if module == "torch" and function in TORCH_DRAWS:
        return "generator" not in keywords
    return module.partition(".")[0] == "torch" and function in {
        "manual_seed",
        "manual_seed_all",
        "seed",
        "set_rng_state",
    }


Check = Callable[[str, ast.Module, str], Iterator[str]]
EVERYWHERE: list[Check] = [long_file, drawer, long_function, wildcard]
CHECKS = [(check, PACKAGE + SCRIPTS + TESTS) for check in EVERYWHERE]
CHECKS += [(prints, PACKAGE), (global_rng, PACKAGE + SCRIPTS)]


@pytest.mark.parametrize(("check", "files"), CHECKS, ids=[check.__name__ for check, _ in CHECKS])
def test_the_tree_keeps_to_the_sheet(check: Check, files: list[Path]) -> None:
    found = [breach for path in files for breach in check(*parsed(path))]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("check", "path", "source"),
    [
        (long_file, "cpruner/a.py", "x = 1\n" * 251),
        (drawer, "cpruner/space/utils.py", ""),
        (drawer, "cpruner/common/a.py", ""),
        (long_function, "cpruner/a.py", "def f():\n" + "    x = 1\n" * 60),
        (prints, "cpruner/a.py", "def f():\n    print('x')"),
        (wildcard, "cpruner/a.py", "from torch import *"),
        (global_rng, "cpruner/a.py", "import torch\ntorch.manual_seed(0)"),
        (global_rng, "cpruner/a.py", "import torch\ntorch.randn(3)"),
        (global_rng, "cpruner/a.py", "import torch as t\nt.cuda.manual_seed_all(0)"),
        (global_rng, "cpruner/a.py", "import numpy as np\nnp.random.seed(0)"),
        (global_rng, "cpruner/a.py", "from numpy.random import rand\nrand(3)"),
        (global_rng, "cpruner/a.py", "import random\nrandom.shuffle([])"),
    ],
)
def test_a_breach_is_seen(check: Check, path: str, source: str) -> None:
    (found,) = check(path, ast.parse(source), source)
    assert found.startswith(path)


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (long_file, "x = 1\n" * 250),
        (long_function, "def f():\n" + "    x = 1\n" * 59),
        (prints, "console.print('x')"),
        (global_rng, "import torch\nwith torch.random.fork_rng():\n    torch.manual_seed(0)"),
        (global_rng, "import torch\ntorch.randn(3, generator=torch.Generator().manual_seed(0))"),
        (global_rng, "import numpy as np\nnp.random.default_rng(0).random(3)"),
        (global_rng, "def f(random):\n    return random.choice()"),
    ],
)
def test_good_style_passes(check: Check, source: str) -> None:
    assert list(check("cpruner/a.py", ast.parse(source), source)) == []


def test_every_module_has_a_twin_among_the_tests() -> None:
    modules = {relative(path) for path in PACKAGE if not path.name.startswith("__")}
    names = {path: Path(path).relative_to("cpruner") for path in modules}
    alone = {path for path, name in names.items() if not (ROOT / "tests" / name.parent / f"test_{name.name}").is_file()}
    assert alone <= set(WITHOUT_TWIN), f"no tests/<room>/test_<module>.py for {sorted(alone - set(WITHOUT_TWIN))}"
    assert set(WITHOUT_TWIN) <= alone, f"exceptions no longer needed: {sorted(set(WITHOUT_TWIN) - alone)}"


def test_there_are_about_as_many_test_lines_as_source_lines() -> None:
    source, tests = (sum(len(p.read_text(encoding="utf-8").splitlines()) for p in files) for files in (PACKAGE, TESTS))
    assert tests >= TEST_RATIO * source, f"{tests} test lines for {source} source lines: ratio {tests / source:.2f}"


@pytest.mark.parametrize("package", sorted({path.parent for path in PACKAGE}), ids=relative)
def test_every_package_says_what_it_is_and_what_it_exports(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{relative(package)}/__init__.py has no docstring"
    lists = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    assert len(lists) == 1, f"{relative(package)}/__init__.py has no explicit __all__"
    exported = ast.literal_eval(lists[0])
    assert exported, f"{relative(package)}: __all__ is empty"
    assert len(exported) == len(set(exported))
