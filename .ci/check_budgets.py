"""Fail unless a run met every budget: ``python .ci/check_budgets.py runs/demo/latest/result.json``.

Reads the file and nothing of cpruner: a mistake in the package's own idea of "satisfied" cannot hide here.
"""

import json
import sys
from pathlib import Path


def breaches(budgets: list[dict]) -> list[str]:
    """One line for every budget that is not known to be met; a run without budgets proves nothing."""
    found = [] if budgets else ["the run has no budget"]
    for budget in budgets:
        value, limit = budget["value"], budget["limit"]
        met = value is not None and value <= limit  # null stands for NaN and infinity
        if not met or budget["satisfied"] is not True:
            found.append(f"{budget['name']}: {value} {budget['unit']} against a limit of {limit}")
    return found


def main(path: Path) -> int:
    """Print every budget, then every breach; the exit status is 1 if there is one."""
    budgets = json.loads(path.read_text(encoding="utf-8"))["budgets"]
    for budget in budgets:
        print(f"{budget['name']}: {budget['value']} {budget['unit']}, limit {budget['limit']}")
    found = breaches(budgets)
    for breach in found:
        print(f"NOT MET {breach}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
