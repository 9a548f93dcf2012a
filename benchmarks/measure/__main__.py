"""The process of one network and one engine: ``python -m measure ENGINE NETWORK FILE [GIB]`` in benchmarks/.

The file is rewritten after every stage, so that it tells how far a killed process came.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import torch
from zoo import zoo

from measure import ours, peer, roundtrip
from measure.memory import limit, peak_mb

ENGINES = {"ours": ours, "peer": peer, "roundtrip": roundtrip}


def main(engine: str, name: str, file: str, gib: str = "0") -> None:
    """Measure, and write status ``ok`` or ``failed`` with the reason."""
    torch.set_num_threads(1)
    limit(float(gib))
    facts: dict[str, Any] = {"status": "running", "stage": "start", "start_mb": peak_mb()}
    module, path = ENGINES[engine], Path(file)
    try:
        for found in module.measure(zoo()[name]):
            facts |= found
            write(path, facts)
        reasons = module.faults(facts)
        facts |= {"status": "failed" if reasons else "ok", "reason": "; ".join(reasons)}
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        facts |= {"status": "failed", "reason": f"{facts['stage']}: {type(error).__name__}: {first}"}
    write(path, facts)


def write(path: Path, facts: dict[str, Any]) -> None:
    """As JSON, which has no infinity: null stands for it."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in facts.items()}
    path.write_text(json.dumps(finite))


if __name__ == "__main__":
    main(*sys.argv[1:])
