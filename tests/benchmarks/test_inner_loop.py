from typing import Any

import pytest
import torch
from inner_loop import markdown, measured, misses, profile
from measure.loop import Bench, Setting, settings
from measure.spread import spread

from cpruner.model import ZOO

TINY = Setting(lambda: ZOO["resnet20"](10), 10, 32, 4, 2, 4, 4)


def entry(share: float, theirs: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {part: spread([0.001]) for part in ("cut", "refit", "costs", "forward")}
    found |= {"share": spread([share]), "total": spread([0.5])}
    return {**found, "peer_total": spread([theirs])} if theirs else {**found, "peer_failed": "it | broke"}


def record(share: float, on: str = "cpu") -> dict[str, Any]:
    networks = {"net": {f"{flops:g}": entry(share, 5.0 if flops < 0.6 else None) for flops in (0.3, 0.5, 0.7)}}
    versions = {"torch": "2", "torch-pruning": "1"}
    return {"command": "c", "date": "d", "device": "D", "versions": versions, "on": on, "networks": networks}


def test_the_page_says_what_was_measured() -> None:
    page = markdown(record(0.1))
    assert "| net | 0.5 | 1 ms | 1 ms | 1 ms | 1 ms | 10.0 % (10.0 to 10.0) | 120.0 | 12.0 | 10.0 |" in page
    assert "it / broke" in page
    assert "- The promise is kept everywhere." in page


def test_misses_are_named() -> None:
    assert misses(record(0.2), 0.15)[0] == "net at 0.3: 20.0 %, promised 15 %"
    assert "The promise is kept" in markdown(record(0.2, on="cuda"))


@pytest.mark.slow
def test_every_part_of_a_small_run_takes_time() -> None:
    bench = Bench(TINY, torch.device("cpu"))
    facts = measured(bench, rounds=1, peer_rounds=0)
    half = facts["0.5"]
    assert half["forward"]["median"] > 0
    parts = sum(half[part]["median"] for part in ("cut", "refit", "costs", "forward"))
    assert half["total"]["median"] == parts
    assert half["peer_total"] is None
    assert "cumtime" in profile(bench, "tiny")


def test_settings_are_those_of_the_issue() -> None:
    assert list(settings()) == ["resnet20", "resnet56", "cifar_vgg16_bn", "resnet18", "resnet50"]
