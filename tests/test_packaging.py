"""What is shipped is what is there: packages, third-party imports and the configuration tree against setup.cfg."""

import ast
import configparser
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def options() -> configparser.SectionProxy:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config["options"]


def test_every_package_is_listed(options: configparser.SectionProxy) -> None:
    there = {p.parent.relative_to(ROOT).as_posix().replace("/", ".") for p in (ROOT / "cpruner").rglob("*.py")}
    assert set(options["packages"].split()) == there | {"cpruner.conf"}


def test_every_third_party_import_is_declared(options: configparser.SectionProxy) -> None:
    declared = {_normal(re.split(r"[<>=!~\[; ]", line)[0]) for line in options["install_requires"].splitlines()}
    owners = packages_distributions()
    for path in sorted((ROOT / "cpruner").rglob("*.py")):
        for top in _third_party(ast.parse(path.read_text(encoding="utf-8"))):
            assert declared & {_normal(name) for name in owners.get(top, [])}, f"{path}: {top} is not in setup.cfg"


def test_the_configuration_tree_is_a_package() -> None:
    assert files("cpruner.conf").joinpath("__init__.py").is_file()


@pytest.mark.slow  # the demo and the wheel of .ci/run start the program as well
def test_the_installed_command_finds_its_configuration_from_elsewhere(tmp_path: Path) -> None:
    """In an interpreter of its own; test_readme.py gives the command its arguments within this one."""
    program = Path(sys.executable).with_name("cpruner")
    shown = subprocess.run([program, "--cfg", "job"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert yaml.safe_load(shown)["job"] == "cpruner"
    assert list(tmp_path.iterdir()) == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _third_party(tree: ast.Module) -> set[str]:
    absolute = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level and n.module]
    absolute += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    return {name.partition(".")[0] for name in absolute} - set(sys.stdlib_module_names) - {"cpruner"}
