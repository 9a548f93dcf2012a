from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from cpruner.data import Splits, TensorBatches
from cpruner.errors import InputError


def _splits(**changed: Any) -> Splits:
    batches = TensorBatches(torch.zeros(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64), 2)
    given = {"classes": 2, "example": torch.zeros(1, 1, 2, 2), "train": batches} | changed
    return Splits(name="toy", train_eval=batches, search=batches, test=batches, **given)


def test_loaders_of_torch_will_do() -> None:
    loader = DataLoader(TensorDataset(torch.zeros(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64)), batch_size=4)
    splits = _splits(train=loader)
    assert [len(labels) for _, labels in splits.train] == [4]
    assert len(splits.train) == 1


@pytest.mark.parametrize(
    "changed", [{"classes": 1}, {"example": torch.zeros(1, 2, 2)}, {"example": torch.zeros(2, 1, 2, 2)}]
)
def test_refuses_what_no_model_can_be_made_for(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="splits"):
        _splits(**changed)


def test_is_frozen() -> None:
    with pytest.raises(AttributeError):
        _splits().classes = 3  # type: ignore[misc]
