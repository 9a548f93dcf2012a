import json
from pathlib import Path

import pytest
from finished_run import finished

from cpruner.command.certificate import CERTIFICATE, LIMITS
from cpruner.errors import ArtefactError, InputError
from cpruner.verify import main

HALVED = ("constraint.flops.limit=0.5", "constraint.params.limit=0.5")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return finished(tmp_path / "run", *HALVED)


def test_status_0_and_a_certificate_when_every_budget_holds(run_dir: Path) -> None:
    assert main([str(run_dir)]) == 0
    certificate = json.loads((run_dir / CERTIFICATE).read_text())
    assert {row["name"]: row["satisfied"] for row in certificate["budgets"]} == {"flops": True, "params": True}
    assert 0 <= certificate["test_accuracy"] <= 1


def test_status_1_when_one_does_not(run_dir: Path) -> None:
    limits = json.loads((run_dir / LIMITS).read_text())
    limits["params"]["limit"] = 1.0
    (run_dir / LIMITS).write_text(json.dumps(limits))
    assert main([str(run_dir)]) == 1
    certificate = json.loads((run_dir / CERTIFICATE).read_text())
    assert {row["name"]: row["satisfied"] for row in certificate["budgets"]} == {"flops": True, "params": False}


@pytest.mark.parametrize("missing", ["config/config.yaml", LIMITS, "candidate.json", "weights.safetensors"])
def test_what_is_missing_is_named(run_dir: Path, missing: str) -> None:
    (run_dir / missing).unlink()
    with pytest.raises(ArtefactError, match=rf"expected .*{missing}, got no such file\. Give the folder"):
        main([str(run_dir)])
    assert not (run_dir / CERTIFICATE).exists()


def test_the_weights_of_another_model_are_refused(run_dir: Path) -> None:
    config = run_dir / "config" / "config.yaml"
    config.write_text(config.read_text().replace("width: 4", "width: 5"))
    with pytest.raises(ArtefactError):
        main([str(run_dir)])


@pytest.mark.parametrize("arguments", [[], ["one", "two"]])
def test_one_directory_is_wanted(arguments: list[str]) -> None:
    with pytest.raises(InputError, match="arguments: expected one run directory"):
        main(arguments)
