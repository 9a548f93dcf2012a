import pytest
import torch

from cpruner.model.seeded import seeded


def test_draws_depend_on_the_seed_only_and_the_caller_s_stream_goes_on() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        first = torch.rand(1)
        with seeded(5):
            inside = torch.rand(4)
        second = torch.rand(1)
    assert torch.equal(torch.cat([first, second]), expected)
    assert torch.equal(inside, torch.rand(4, generator=torch.Generator().manual_seed(5)))


def test_state_comes_back_after_an_error() -> None:
    before = torch.random.get_rng_state()

    def fail() -> None:
        with seeded(1):
            torch.rand(1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(torch.random.get_rng_state(), before)
