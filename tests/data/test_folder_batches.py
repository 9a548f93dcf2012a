from typing import Any

import pytest
import torch
from torch import Tensor

from cpruner.data import Batches, FolderBatches
from cpruner.errors import InputError

FOLDER = [(float(number), number % 3) for number in range(20)]


def _plain(value: Any) -> Tensor:
    return torch.tensor([value])


def _noisy(value: Any) -> Tensor:
    return value + torch.rand(1)


def _batches(**options: Any) -> FolderBatches:
    given: dict[str, Any] = {"rows": tuple(range(10)), "transform": _plain, "batch_size": 4} | options
    return FolderBatches(FOLDER, **given)


def _inputs(batches: Batches) -> list[float]:
    return torch.cat([inputs for inputs, _ in batches]).flatten().tolist()


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rows_in_order() -> None:
    batches = _batches(rows=(7, 3, 5, 4, 0))
    assert [(inputs.flatten().tolist(), labels.tolist()) for inputs, labels in batches] == [
        ([7, 3, 5, 4], [1, 0, 2, 1]),
        ([0], [0]),
    ]
    assert len(batches) == 2
    assert isinstance(next(iter(batches)), tuple)


def test_shuffled_passes_drop_the_ragged_batch_unless_it_is_all_there_is() -> None:
    batches = _batches(generator=_generator())
    assert [len(labels) for _, labels in batches] == [4, 4]
    assert len(batches) == 2
    small = _batches(rows=(1, 2), generator=_generator())
    assert [len(labels) for _, labels in small] == [2]
    assert len(small) == 1


def test_passes_differ_and_reseeding_starts_anew() -> None:
    batches = _batches(generator=_generator(1), transform=_noisy)
    first, second = _inputs(batches), _inputs(batches)
    assert first != second
    again = batches.reseeded(1)
    assert [_inputs(again), _inputs(again)] == [first, second]
    unshuffled = _batches()
    assert unshuffled.reseeded(1) is unshuffled
    assert batches.to(torch.device("meta")) is batches


def test_what_happens_to_an_image_does_not_depend_on_the_number_of_workers() -> None:
    alone = _inputs(_batches(generator=_generator(), transform=_noisy))
    assert _inputs(_batches(generator=_generator(), transform=_noisy, workers=1)) == alone


def test_global_random_numbers_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    noise = [value % 1 for value in _inputs(_batches(generator=_generator(), transform=_noisy))]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len(set(noise)) == 8


def test_refuses_no_rows() -> None:
    with pytest.raises(InputError, match="at least one image"):
        _batches(rows=())
