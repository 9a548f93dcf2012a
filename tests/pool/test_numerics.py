from collections.abc import Iterator

import pytest
import torch

from cpruner.pool.numerics import Numerics


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    before = Numerics.now()
    yield
    before.restore()
    assert Numerics.now() == before


def test_what_was_set_is_set_again() -> None:
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic = True
    torch.set_float32_matmul_precision("high")
    there = Numerics.now()
    Numerics(torch.float32, "highest", False, False, False, False).restore()
    assert torch.zeros(1).dtype == torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    there.restore()
    assert torch.zeros(1).dtype == torch.float64
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.backends.cudnn.deterministic
    assert torch.get_float32_matmul_precision() == "high"
