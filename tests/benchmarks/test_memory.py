import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from measure import memory

#: Pages of its own: an allocator may hand out memory that is resident already.
STEPS = """
import mmap
from measure import memory
seen = [memory.resident_mb()]
with mmap.mmap(-1, 20 * memory.MB) as kept:
    kept.write(bytes(len(kept)))
    seen += [memory.resident_mb(), memory.peak_mb()]
print(*seen, memory.resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_kept_shows_and_what_is_freed_does_not() -> None:
    # A process of its own: pages of this one may be taken away meanwhile.
    source = str(Path(memory.__file__).parents[1])
    child = [sys.executable, "-c", STEPS]
    told = subprocess.run(child, env=os.environ | {"PYTHONPATH": source}, capture_output=True, text=True, check=True)
    before, grown, peak, after = map(float, told.stdout.split())
    assert 15 < grown - before < 45  # the written bytes may still be resident, too
    assert peak >= grown - 1
    assert after < grown - 10


def test_no_limit_is_set_for_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, size: calls.append((kind, size)))
    memory.limit(0)
    memory.limit(0.5)
    assert calls == [(resource.RLIMIT_DATA, (2**29, 2**29))]
