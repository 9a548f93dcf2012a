"""Every number in README's tables comes from a committed result file."""

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_result_files() -> None:
    assert script().main(["--check"]) == 0, "run python benchmarks/readme.py"


def test_a_wrong_number_is_noticed() -> None:
    module = script()
    text = module.filled((ROOT / "README.md").read_text(encoding="utf-8"))
    assert module.filled(text.replace(" %", " % ")) == text
