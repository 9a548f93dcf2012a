from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.pool import Pool
from cpruner.pool.serial import Serial


def test_by_default_nothing_is_started() -> None:
    with Pool().open(abs) as workers:
        assert isinstance(workers, Serial)
        assert list(workers.map([-1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"backend": "cloud"}, "Pool.backend"),
        ({"backend": "local", "workers": 0}, "Pool.workers"),
        ({"attempts": 0}, "Pool.attempts"),
        ({"threads": -1}, "Pool.threads"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Pool(**wrong)


def test_several_workers_need_a_backend() -> None:
    with pytest.raises(InputError, match=r"Pool\.workers: expected 1 with the serial backend, got 2\. Choose .* local"):
        Pool(workers=2)
    assert Pool(backend="local", workers=2).workers == 2
