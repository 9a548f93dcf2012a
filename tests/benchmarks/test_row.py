from typing import Any

import pytest
from measure.row import HEADER, against_peer, cells, line, result, seconds, share
from measure.summary import markdown, summary

Facts = dict[str, Any]

OURS: Facts = {
    "status": "ok",
    "params": 2_000_000,
    "macs": 1000.0,
    "small_params": 500_000,
    "small_macs": 300.0,
    "groups": 7,
    "frozen_params": 10,
    "frozen_axes": 2,
    "frozen_reasons": {"output of the network": 10},
    "max_error": 3e-15,
    "precision": "float64",
    "trace_s": 1.5,
    "materialise_s": 0.0123,
    "peak_mb": 800.4,
}
PEER = {"status": "ok", "params": 2_000_000, "macs": 1000.0, "small_params": 400_000, "small_macs": 250.0}
FAILED = {"status": "failed", "reason": "construct: TypeError: a | b"}


def row(name: str, ours: Facts, peer: Facts, family: str = "torchvision") -> dict[str, Any]:
    return {"name": name, "family": family, "ours": ours, "peer": peer}


def test_shares_need_both_counts() -> None:
    assert share(OURS, "macs") == pytest.approx(0.3)
    assert share(FAILED, "macs") is None


def test_the_ratio_is_of_what_remains() -> None:
    assert against_peer(row("a", OURS, PEER)) == pytest.approx(1.2)
    assert against_peer(row("a", OURS, FAILED)) is None
    assert against_peer(row("a", {**OURS, "status": "failed"}, PEER)) is None


@pytest.mark.parametrize(
    ("ours", "peer"), [(OURS, PEER), (FAILED, FAILED), ({}, {}), ({**OURS, "max_error": None}, {})]
)
def test_every_row_fills_every_column(ours: Facts, peer: Facts) -> None:
    found = cells(row("a", ours, peer))
    assert len(found) == len(HEADER)
    assert not any("|" in cell for cell in found)
    assert line(row("a", ours, peer)).startswith("a ")


def test_what_a_cell_says() -> None:
    text = cells(row("a", OURS, {**PEER, "by_hand": True}))
    for cell in ("2.0 M", "10 in 2 axes", "30.0 %", "25.0 %", "3e-15", "1.50 s", "12.3 ms", "800 MiB", "ok, by hand"):
        assert cell in text
    assert result(FAILED) == "failed: construct: TypeError: a / b"
    assert seconds(None) == "-"


def test_the_summary_counts_and_names() -> None:
    heavy = {**OURS, "small_macs": 700.0}
    rows = [
        row("a", OURS, {**PEER, "by_hand": True}),
        row("b", heavy, FAILED),
        row("c", FAILED, PEER),
        row("d", OURS, PEER, "timm"),
        row("e", {"status": "skipped", "reason": "absent"}, {"status": "skipped"}, "timm"),
    ]
    text = "\n".join(summary(rows))
    assert "torchvision classifiers: cpruner 2 of 3, Torch-Pruning 2 of 3 (1 of them by hand)." in text
    assert "other networks: cpruner 1 of 1" in text
    assert "at worst 1.200 times" in text
    assert "Above 1.1 times Torch-Pruning's: d 1.200, a 1.200." in text
    assert "where Torch-Pruning fails: b 70.0 %." in text
    assert "Not ok: c." in text
    assert "Skipped: e." in text


def test_the_page_has_one_table_per_family() -> None:
    around = {"command": "python x", "date": "2026-01-01", "device": "chip", "versions": {"torch": "2"}}
    page = markdown({**around, "rows": [row("a", OURS, PEER), row("d", OURS, PEER, "timm")]})
    assert page.count("## ") == 2
    assert "torch 2" in page
    assert "chip" in page
