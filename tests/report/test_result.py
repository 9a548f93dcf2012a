import copy
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from cpruner.errors import InputError
from cpruner.report import Row, SearchWarning, to_result, validate_result, verdict, write_result
from cpruner.report.layout import LAYOUT, ROW

DOCS = Path(__file__).parents[2] / "docs" / "result.md"
COMPARED = ("dense", "searched", "pruned")


def test_values_arrive(report):
    result = to_result(report)
    assert (result["schema"], result["seed"], result["device"], result["seconds"]) == (1, 3, "a chip", {"search": 12.5})
    assert result["baselines"]["uniform"]["test_accuracy"] == 0.825
    assert result["searched"] == dataclasses.asdict(report.searched)
    assert result["pruned"]["search_accuracy"] == 0.913
    assert result["budgets"][1] == {"name": "latency", "unit": "ms", "limit": 2.0, "value": 2.15, "satisfied": False}
    assert result["groups"][0] == {"name": "layer1", "dense": 16, "kept": 9}
    assert result["evaluations"] == 400
    assert result["verdict"] == verdict(report)


def test_warnings_are_listed(report):
    assert to_result(report)["warnings"] == []
    warned = dataclasses.replace(report, warnings=(SearchWarning("collapsed", "It stands still."),))
    assert to_result(warned)["warnings"] == [{"kind": "collapsed", "text": "It stands still."}]


def test_numbers_that_are_not_finite_become_null(report):
    odd = Row("dense", math.nan, None, math.inf, np.float32(2.0), np.int64(7), -math.inf)
    row = to_result(dataclasses.replace(report, dense=odd))["dense"]
    assert (row["search_accuracy"], row["test_accuracy"], row["flops"], row["latency_ms"]) == (None, None, None, None)
    assert (row["macs"], row["params"]) == (2.0, 7)
    json.dumps(row, allow_nan=False)


def test_file_round_trip(report, tmp_path):
    path = tmp_path / "new" / "result.json"
    write_result(path, report)
    result = json.loads(path.read_text(encoding="utf-8"))
    validate_result(result)
    assert result == to_result(report)


def test_file_is_replaced_whole_or_not_at_all(report, tmp_path):
    path = tmp_path / "result.json"
    write_result(path, report)
    before = path.read_text(encoding="utf-8")
    with pytest.raises(InputError):
        write_result(path, dataclasses.replace(report, device=None))
    assert path.read_text(encoding="utf-8") == before
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_failed_replacement_leaves_no_half_file(report, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_result(tmp_path / "result.json", report)
    assert list(tmp_path.iterdir()) == []


def test_two_baselines_of_one_name_would_hide_each_other(report):
    twice = dataclasses.replace(report, baselines=report.baselines[:1] * 2)
    with pytest.raises(
        InputError, match=r"report\.baselines: expected a different name each, got \['uniform', 'uniform'\]"
    ):
        to_result(twice)


@pytest.mark.parametrize("key", sorted(LAYOUT))
def test_every_key_is_needed(report, key):
    result = to_result(report)
    del result[key]
    with pytest.raises(InputError, match=f"expected the key '{key}'"):
        validate_result(result)


@pytest.mark.parametrize("key", sorted(ROW))
@pytest.mark.parametrize("row", COMPARED)
def test_every_row_needs_every_key(report, row, key):
    result = to_result(report)
    del result[row][key]
    with pytest.raises(InputError, match=rf"result\.{row}: expected the key '{key}'"):
        validate_result(result)


def test_wrong_types_deep_inside_are_found(report):
    result = to_result(report)
    broken = copy.deepcopy(result)
    broken["baselines"]["random"]["flops"] = "40 M"
    with pytest.raises(
        InputError, match=r"result\.baselines\.random\.flops: expected int or float or null, got '40 M'"
    ):
        validate_result(broken)
    with pytest.raises(InputError, match="result: expected dict"):
        validate_result([result])


def test_unknown_version_is_refused(report):
    with pytest.raises(InputError, match=r"result\.schema: expected 1, got 2\. Read it with the version"):
        validate_result({**to_result(report), "schema": 2})


def test_every_key_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    budget, group = LAYOUT["budgets"].item, LAYOUT["groups"].item
    missing = [key for key in {*LAYOUT, *ROW, *LAYOUT["versions"], *budget, *group} if f"`{key}`" not in text]
    assert missing == []


def test_how_candidates_were_judged_arrives(report):
    judging = {"precision": "bfloat16", "channels_last": True, "batch_size": 64, "memo": None, "margin": 0.05}
    result = to_result(dataclasses.replace(report, judging=judging))
    assert result["judging"] == judging
    assert to_result(report)["judging"] == {}
