from typing import Any

import pytest

from cpruner.env import PruningProblem
from cpruner.errors import InputError


def test_a_proposal_is_scaled_onto_the_budget_and_paid_in_log_loss_unless_asked_otherwise() -> None:
    assert PruningProblem() == PruningProblem(lowest=0.1, feasibility="scaled", reward="log_loss")
    assert PruningProblem() == PruningProblem(action="ratio", pays="end", tightest=1.0)


@pytest.mark.parametrize(
    "legal",
    [
        {"lowest": 0.0},
        {"lowest": 1},
        *({"feasibility": name} for name in ("soft", "clipped", "projected", "repaired")),
        {"reward": "loss"},
        {"reward": "divergence"},
        {"pays": "every"},
        {"action": "levels"},
        {"action": "mask"},
        {"levels": 2},
        {"measurements": 1},
        {"tightest": 0.2},
    ],
)
def test_legal_options(legal: dict[str, Any]) -> None:
    (name,) = legal
    assert getattr(PruningProblem(**legal), name) == legal[name]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lowest": -0.1}, r"PruningProblem\.lowest: expected a number in \[0\.0, 1\.0\], got -0\.1"),
        ({"lowest": 1.5}, r"PruningProblem\.lowest: .*got 1\.5"),
        ({"lowest": "low"}, r"PruningProblem\.lowest: .*got 'low'"),
        ({"lowest": float("nan")}, r"PruningProblem\.lowest: .*got nan"),
        (
            {"feasibility": "hard"},
            r"PruningProblem\.feasibility: expected one of soft, scaled, clipped, projected, repaired, got 'hard'",
        ),
        (
            {"reward": "speed"},
            r"PruningProblem\.reward: expected one of accuracy, loss, log_loss, divergence, got 'speed'",
        ),
    ],
)
def test_illegal_options_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PruningProblem(**wrong)
