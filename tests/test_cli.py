"""The command from its arguments to its files and exit codes."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from drive import Command, interrupting, numbers, refused
from tiny_job import TRAINED, UNTRAINED

from cpruner.command.certificate import certify
from cpruner.report import validate_result

BUDGETS = ("flops", "params")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cpruner(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, cache, lambda: tuple(capsys.readouterr()))  # type: ignore[arg-type, return-value]


def test_one_run_from_arguments_to_files(cpruner: Command) -> None:
    outcome = cpruner(*TRAINED, "job=demo")
    assert (outcome.code, outcome.err) == (0, "")
    (run_dir,) = cpruner.runs("demo")
    assert os.readlink(cpruner.folder / "runs" / "demo" / "latest") == run_dir.name
    files = {path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()}
    assert {
        *("result.json", "weights.safetensors", "candidate.json", "certificate.json", "limits.json"),
        *("curves.png", "widths.png", "config/config.yaml", "search/agent.pt", "search/uniform.pt"),
    } <= files
    assert [name for name in files if name.startswith("tensorboard/events.out.tfevents")]
    for figure in ("curves.png", "widths.png"):
        assert (run_dir / figure).read_bytes().startswith(b"\x89PNG")
    check(cpruner.result(run_dir), json.loads((run_dir / "certificate.json").read_text()))
    for word in ("dense network", "search 4/4", "agent + fine-tuning", f"written to {run_dir}"):
        assert word in outcome.out


def check(result: dict[str, Any], certificate: dict[str, Any]) -> None:
    validate_result(result)
    assert result["seed"] == 0
    assert result["device"]
    assert {"python", "torch", "numpy", "cpruner"} <= result["versions"].keys()
    assert {"prepare", "search: agent", "search: uniform", "finetune"} <= result["seconds"].keys()
    assert result["baselines"].keys() == {"uniform"}
    for row in (result["dense"], result["pruned"], result["searched"], *result["baselines"].values()):
        assert 0 <= row["search_accuracy"] <= 1
        assert 0 <= row["test_accuracy"] <= 1
        assert row["flops"] > 0
        assert row["params"] > 0
    assert result["dense"]["test_accuracy"] > 0.5
    assert [budget["name"] for budget in result["budgets"]] == list(BUDGETS)
    for budget, share in zip(result["budgets"], (0.5, 0.4), strict=True):
        name = budget["name"]
        assert budget.keys() == {"name", "unit", "limit", "value", "satisfied"}
        assert budget["satisfied"] is True
        assert budget["limit"] == pytest.approx(share * result["dense"][name])
        assert budget["value"] == result["pruned"][name] <= budget["limit"]
    assert certificate["budgets"] == result["budgets"]
    assert certificate["test_accuracy"] == result["pruned"]["test_accuracy"]


REFUSED = {  # and what test_config_mistakes.py refuses, without the program around it
    "a limit of nothing": (["constraint.flops.limit=0"], "flops.*finite number above 0, got 0"),
    "a negative limit": (["constraint.flops.limit=-1"], "flops.*finite number above 0, got -1"),
    "a limit nobody meets": (
        ["constraint.flops.limit=0.000001"],
        r"budget 'flops' cannot be met: limit 0\.099136 FLOPs, smallest value reached \d+ FLOPs",
    ),
    "an unknown unit": (["constraint=[latency]", "constraint.latency.limit=3.2 parsecs"], "latency.*ms.*3.2 parsecs"),
    "a word that is no option": (["nonsense"], "nonsense"),
    "no function": (["constraint=[external]", "constraint.external.limit=1.5"], r"Set constraint\.external\.function"),
    "a function that is not there": (
        ["constraint=[external]", "constraint.external.limit=2", "constraint.external.function=nowhere:cost"],
        r"constraint\.external\.function.*nowhere",
    ),
    "no data": (["data=cifar10", "data.path=/nonexistent"], "/nonexistent"),
    "no weights": (["model=resnet20", "model.weights=/nonexistent"], "weights.*/nonexistent"),
    "no such device": (["device=warp"], "device: expected auto, cpu, cuda"),
    "no checkpoint": (["search.resume=/nonexistent"], "checkpoint: expected /nonexistent/search/agent.pt"),
    "null for a choice": (
        ["search=null"],
        r"search: expected one of short, standard, got null\. Leave it out",
    ),
    "a list with null for a choice": (["constraint=[flops,null]"], r"constraint: expected .*, got \[flops,null\]\."),
    "a sweep over null": (["-m", "agent=random,null"], r"agent: expected .* got random,null\."),
    "a malformed word": (["search=[short"], r"input '\[short'"),
    "no constraint at all": (["constraint=[]"], "budgets: expected at least one Budget"),
}


#: One for each place where a mistake is found; the others run with ``-m integration``.
PLACES = {"a limit nobody meets", "a word that is no option", "null for a choice", "a malformed word"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(*case, marks=() if name in PLACES else pytest.mark.integration, id=name)
        for name, case in REFUSED.items()
    ],
)
def test_a_mistake_ends_in_one_clear_message(cpruner: Command, overrides: list[str], message: str) -> None:
    tiny = UNTRAINED if not any(text.startswith("model=") for text in overrides) else UNTRAINED[2:]
    outcome = cpruner(*tiny, *overrides)
    refused(outcome.code, outcome.err, message)
    assert not list(cpruner.folder.rglob("result.json"))
    assert not [path for path in cpruner.folder.rglob("*") if path.name.startswith(".") or path.suffix == ".part"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_where_there_is_none(cpruner: Command) -> None:
    outcome = cpruner(*UNTRAINED, "device=cuda")
    refused(outcome.code, outcome.err, "device: expected auto, cpu, cuda or cuda:N on this machine, got cuda.*Use auto")


def test_a_folder_that_cannot_be_written(cpruner: Command) -> None:
    (cpruner.folder / "file").write_text("in the way")
    outcome = cpruner(*UNTRAINED, "hydra.run.dir=file/run")
    refused(outcome.code, outcome.err, r"output: expected a folder that can be written, got .*Set hydra\.run\.dir=")


@pytest.mark.integration
def test_debugging_shows_the_traceback(cpruner: Command) -> None:
    with pytest.raises(ValueError, match=r"model\.width"):
        cpruner("model.width=0", patch=lambda world: world.setenv("HYDRA_FULL_ERROR", "1"))


STOPPED = (*UNTRAINED, "search.evaluations=5", "agent=cross_entropy", "agent.episodes_per_update=2", "job=demo")


def test_an_interrupted_run_says_how_to_go_on(cpruner: Command) -> None:
    stopped = cpruner(*STOPPED, patch=interrupting(4))
    (run_dir,) = cpruner.runs("demo")
    assert (stopped.code, stopped.err) == (130, "")
    assert "Traceback" not in stopped.out
    words = shlex.split(stopped.out.strip().splitlines()[-1])
    assert words[0] == "cpruner"
    assert {"job=demo", "agent=cross_entropy", f"search.resume={run_dir}"} <= set(words)
    assert {path.name for path in (run_dir / "search").iterdir()} == {"agent.pt"}
    assert not (run_dir / "result.json").exists()
    other = cpruner(*words[1:], "seed=1")
    refused(other.code, other.err, "checkpoint .*expected .*It belongs to another search")


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_as_if_nothing_had_happened(cpruner: Command) -> None:
    stopped = cpruner(*STOPPED, patch=interrupting(4))
    words = shlex.split(stopped.out.strip().splitlines()[-1])
    resumed = cpruner(*words[1:], patch=interrupting(9))  # 3 left for the agent, 5 for uniform: no ninth comes
    assert resumed.code == 0, resumed.err
    whole = cpruner(*STOPPED, "hydra.run.dir=whole")
    assert whole.code == 0, whole.err
    found = cpruner.result(cpruner.folder / "runs" / "demo" / "latest")
    assert numbers(found) == numbers(cpruner.result(cpruner.folder / "whole"))


@pytest.mark.integration
def test_before_the_first_checkpoint_there_is_nothing_to_resume(cpruner: Command) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def early(world: pytest.MonkeyPatch) -> None:
        world.setattr("cpruner.search.loop.proposals", interrupt)

    stopped = cpruner(*UNTRAINED, "constraint=[latency]", "constraint.latency.limit=900 ms", patch=early)
    assert stopped.code == 130
    assert "interrupted before the first checkpoint; start again with" in stopped.out
    assert "search.resume=" not in stopped.out
    assert "'constraint.latency.limit=900 ms'" in stopped.out  # fit for a shell


def test_help_names_every_group_and_option(cpruner: Command) -> None:
    outcome = cpruner("--help")
    assert outcome.code == 0
    words = outcome.out.split()
    for word in (
        "agent",
        "cross_entropy,",
        "experiment",
        "search.evaluations",
        "finetune.epochs",
        "constraint.latency.repeats",
    ):
        assert word in words


@pytest.mark.slow
def test_a_multirun_makes_one_directory_per_limit(cpruner: Command) -> None:
    outcome = cpruner("-m", "constraint.flops.limit=0.5,0.7", *UNTRAINED, "job=sweep")
    assert outcome.code == 0, outcome.err
    (sweep,) = cpruner.runs("sweep")
    results = [cpruner.result(sweep / number) for number in ("0", "1")]
    assert [row["budgets"][0]["limit"] / row["dense"]["flops"] for row in results] == [0.5, 0.7]
    assert not (sweep.parent / "latest").exists()


@pytest.mark.slow
def test_a_fresh_process_certifies_what_the_command_wrote(cpruner: Command) -> None:
    outcome = cpruner(*UNTRAINED, patch=lambda world: world.setattr("cpruner.command.run.certify", certify))
    assert outcome.code == 0, outcome.err
    assert all(budget["satisfied"] for budget in cpruner.result()["budgets"])
