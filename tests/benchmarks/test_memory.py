import resource
import sys

import pytest
import torch
from measure import memory


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_kept_shows_and_what_is_freed_does_not() -> None:
    before = memory.resident_mb()
    kept = torch.ones(20 * memory.MB, dtype=torch.uint8)
    grown = memory.resident_mb()
    assert 15 < grown - before < 30
    assert memory.peak_mb() >= grown - 1
    del kept
    assert memory.resident_mb() < grown - 10


def test_no_limit_is_set_for_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, size: calls.append((kind, size)))
    memory.limit(0)
    memory.limit(0.5)
    assert calls == [(resource.RLIMIT_DATA, (2**29, 2**29))]
