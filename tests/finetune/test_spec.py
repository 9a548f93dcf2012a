from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.finetune import FineTune


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": -1},
        {"lr": -0.1},
        {"momentum": 1.0},
        {"weight_decay": -1e-4},
        {"label_smoothing": 1.0},
        {"distill_weight": 1.1},
        {"temperature": 0.0},
        {"patience": 0},
        {"batch_norm": "sometimes"},
    ],
)
def test_refuses_values_outside_the_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"FineTune.{next(iter(options))}"):
        FineTune(**options)


def test_warm_up_must_leave_time_to_train() -> None:
    with pytest.raises(InputError, match=r"FineTune\.warmup_epochs: expected fewer than epochs = 3"):
        FineTune(epochs=3, warmup_epochs=3)
    assert FineTune(epochs=0, warmup_epochs=3).epochs == 0
    assert FineTune(epochs=4, warmup_epochs=3).warmup_epochs == 3
