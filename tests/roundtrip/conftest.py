"""How a network is exported and compiled is what benchmarks/roundtrip.py measures too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
