import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import roundtrip
import torch
from measure.deploy import compiled, exported
from measure.exits import HEADER, cells, line, markdown, summary
from measure.lifecycle import BrokenError, copies, pickles, restores, trains
from measure.roundtrip import LIFE, WAYS, attempt, close, error, faults, reason
from torch import Tensor, nn

from cpruner import materialise, trace

GOOD: dict[str, Any] = {
    "status": "ok",
    "programs": 2,
    **{name: {"seconds": 0.1} for name in LIFE},
    **{f"{way}_{who}": {"seconds": 1.0, "error": 1e-7} for way in WAYS for who in ("dense", "pruned")},
}
X = (torch.linspace(-1, 1, 12).reshape(2, 6),)


class Drifting(nn.Module):
    """Copies of it compute something else, and pickle takes another one for it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.offset = nn.Parameter(torch.ones(6)), 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + self.offset

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "offset": 1.0}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"copy": {"reason": "BrokenError: x"}}, "copy: BrokenError: x"),
        ({"onnx_pruned": {"reason": "TypeError: y"}}, "onnx: TypeError: y"),
        ({"onnx_pruned": {"seconds": 1.0, "error": 2e-4}}, "onnx: differs by 2.0e-04"),
        ({"export_pruned": {"seconds": 1.0, "error": None}}, "export: differs by inf"),
    ],
)
def test_what_only_the_dense_network_can_is_a_fault(change: dict[str, Any], fault: str) -> None:
    assert faults({**GOOD, **change}) == [fault]


@pytest.mark.parametrize("dense", [{"reason": "no"}, {"seconds": 1.0, "error": 1e-3}, {"seconds": 1.0, "error": None}])
def test_nothing_is_asked_where_the_dense_network_fails(dense: dict[str, Any]) -> None:
    facts = {**GOOD, "strict_dense": dense}
    del facts["strict_pruned"]
    assert faults(GOOD) == faults(facts) == []


def test_an_attempt_tells_seconds_and_error_or_the_first_cause() -> None:
    assert attempt(lambda: 0.5)["error"] == 0.5
    assert attempt(lambda: float("inf"))["error"] is None
    assert attempt(lambda: None).keys() == {"seconds"}

    def fail() -> None:
        try:
            raise ValueError("\ndeep\nmore")
        except ValueError as cause:
            raise RuntimeError("advice") from cause

    assert attempt(fail) == {"reason": "ValueError: deep"}
    assert reason(KeyError()) == "KeyError: "
    assert not close({})


def test_an_exit_is_compared_with_the_eager_network() -> None:
    network = nn.Linear(6, 2)
    assert error(exported, network, X) <= 1e-6
    assert error(lambda m, x: compiled(m, x, "eager"), network, X) <= 1e-6
    with torch.no_grad():
        top = float(network(*X).abs().max())
    assert error(lambda m, x: [m(*x).detach() + 1], network, X) == pytest.approx(1 / top)


def test_a_network_that_keeps_its_promises_passes() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    candidate = trace(model, X).uniform(0.5)
    small = materialise(model, candidate)
    for check in (trains, copies, pickles):
        check(small, X)
    restores(model, candidate, small, X)
    assert all(parameter.grad is None for parameter in small.parameters())


def test_a_network_that_breaks_one_is_told() -> None:
    with pytest.raises(BrokenError, match="something else"):
        copies(Drifting(), X)
    with pytest.raises(BrokenError, match="something else"):
        pickles(Drifting(), X)
    idle = nn.Linear(6, 2)
    idle.spare = nn.Linear(1, 1)
    with pytest.raises(BrokenError, match=r"2 tensors without a gradient: spare\.weight, spare\.bias"):
        trains(idle, X)
    with pytest.raises(BrokenError, match="not finite"):
        trains(nn.Linear(6, 2), (X[0] * float("inf"),))


def test_a_state_dict_that_is_not_the_whole_state_is_told() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    candidate = trace(model, X).uniform(0.5)
    small = materialise(model, candidate)
    small.register_forward_hook(lambda *call: call[-1] + 1)
    with pytest.raises(BrokenError, match="something else"):
        restores(model, candidate, small, X)


def test_the_table_has_a_cell_for_every_column() -> None:
    rows = [
        {"name": "a", "family": "f", "roundtrip": GOOD},
        {"name": "b", "family": "f", "roundtrip": {"status": "timeout", "reason": "trace: more than 9 s"}},
        {"name": "c", "family": "g", "roundtrip": {**GOOD, "onnx_dense": {"reason": "no"}, "train": {"reason": "x|y"}}},
        {"name": "d", "family": "g", "roundtrip": {"status": "skipped", "reason": "absent"}},
    ]
    assert {len(cells(row)) for row in rows} == {len(HEADER)}
    text = summary(rows)
    assert text[0] == "2 of 3 pruned networks can all that the dense one can."
    assert "ONNX: dense 1 of 2, pruned 1 of these 1, largest error 1.0e-07." in text
    assert "train: 1 of 2 pruned networks." in text
    assert text[-1] == "Not ok: b."
    page = markdown({"rows": rows, "command": "python x", "date": "2026-01-01", "device": "chip", "versions": {}})
    assert "failed: x/y" in page
    assert line(rows[1]).split()[:2] == ["b", "timeout"]


@pytest.mark.slow
def test_one_network_through_the_script(tmp_path: Path) -> None:
    out = tmp_path / "roundtrip.json"
    script = Path(roundtrip.__file__)
    command = [sys.executable, str(script), "--only", "torch/multihead_attention", "--limit", "300", "--out", str(out)]
    subprocess.run(command, check=True)
    (row,) = json.loads(out.read_text())["rows"]
    assert row["roundtrip"]["status"] == "ok", row
    assert close(row["roundtrip"]["onnx_pruned"])
    assert "torch/multihead_attention" in out.with_suffix(".md").read_text()
