import mmap
import resource
import sys

import pytest
from measure import memory


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_kept_shows_and_what_is_freed_does_not() -> None:
    before = memory.resident_mb()
    # Pages of its own: an allocator may hand out memory that is resident already.
    with mmap.mmap(-1, 20 * memory.MB) as kept:
        kept.write(b"1" * len(kept))
        grown = memory.resident_mb()
        assert 15 < grown - before < 45  # the written bytes may still be resident, too
        assert memory.peak_mb() >= grown - 1
    assert memory.resident_mb() < grown - 10


def test_no_limit_is_set_for_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, size: calls.append((kind, size)))
    memory.limit(0)
    memory.limit(0.5)
    assert calls == [(resource.RLIMIT_DATA, (2**29, 2**29))]
