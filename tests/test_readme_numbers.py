"""Every number in the tables of README and docs comes from a committed result file."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

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


@pytest.mark.parametrize("page", script().PAGES, ids=lambda page: page.name)
def test_a_wrong_number_is_noticed(page: Path) -> None:
    module = script()
    text = page.read_text(encoding="utf-8")
    wrong = re.sub(r"(?s)<!-- (\w+) -->.*?<!-- /\1 -->", lambda part: re.sub(r"\d\.(\d)", r"7.\1", part[0]), text)
    assert wrong != text
    assert module.filled(wrong) == text


def test_a_range_is_shown_only_where_there_is_one() -> None:
    values = {"median": 0.5, "low": 0.25, "high": 0.75}
    assert script().ranged(values, 100, "%") == "50.0 % (25.0 to 75.0)"
    assert script().ranged(dict.fromkeys(values, 2.04), 1, "ms") == "2.0 ms"
