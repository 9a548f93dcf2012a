"""``python -m cpruner.verify RUN_DIR``: measure a saved network again in this process, which has seen nothing else.

Model and data are rebuilt from the composed config, the artefact is loaded, every budget is read against the limits
the search was given, and both splits are scored. Writes ``certificate.json``; exit status 1 when a budget does not
hold.
"""

import json
import sys
from pathlib import Path

from cpruner.command.certificate import CERTIFICATE, LIMITS, measure, write
from cpruner.schema import load_job


def main(arguments: list[str]) -> int:
    """Verify one run directory."""
    run_dir = Path(arguments[0])
    certificate = measure(load_job(run_dir), run_dir, json.loads((run_dir / LIMITS).read_text()))
    write(run_dir / CERTIFICATE, certificate)
    return 0 if all(budget["satisfied"] for budget in certificate["budgets"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
