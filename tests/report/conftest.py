"""A report with every part filled in."""

import pytest

from cpruner.report import BudgetRow, GroupWidth, History, Report, Row


@pytest.fixture
def report() -> Report:
    costs = {"flops": 40.1e6, "macs": 20.05e6, "params": 126_474, "latency_ms": 2.15, "violation": 0.0}
    return Report(
        seed=3,
        versions={"python": "3.11", "torch": "2.6", "cpruner": "0.1", "numpy": "2.0"},
        device="a chip",
        seconds={"search": 12.5},
        dense=Row("dense", 0.9173, 0.915, 81.6e6, 40.8e6, 272_474, 3.21, 1.0),
        baselines=(
            Row("uniform", 0.827, 0.825, **costs, evaluations=1),
            Row("random", 0.851, 0.846, **costs, evaluations=400),
        ),
        searched=Row("agent", 0.863, 0.859, **costs, evaluations=400),
        pruned=Row("agent + fine-tuning", 0.913, 0.9101, **costs, evaluations=400),
        budgets=(
            BudgetRow("flops", "FLOPs", 40.8e6, 40.1e6, True),
            BudgetRow("latency", "ms", 2.0, 2.15, False),
        ),
        groups=(GroupWidth("layer1", 16, 9), GroupWidth("layer2", 32, 4)),
        uniform_groups=(GroupWidth("layer1", 16, 8), GroupWidth("layer2", 32, 16)),
        history=History((0.5, 0.7, 0.6), {"flops": (1.5, 0.9, 0.8)}, {"flops": (0.0, 0.2)}),
    )
