import pytest
import torch

from cpruner.agent import Gaussian
from cpruner.errors import InputError


def law(spec, updates=0):
    head = spec.build(3, 2, torch.Generator().manual_seed(0))
    for _ in range(updates):
        head.anneal()
    return head(torch.randn(40, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))


@pytest.mark.parametrize("mean", [0.1, 0.6, 0.9])
def test_all_steps_start_near_the_initial_mean(mean):
    assert float((law(Gaussian(initial_mean=mean)).centre_BA.detach() - mean).abs().max()) < 0.02


def test_means_are_legal_actions_however_large_the_weights():
    head = Gaussian().build(3, 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        head.body.weight.mul_(1e5)
    centre_BA = head(torch.randn(40, 3, generator=torch.Generator(), dtype=torch.float64)).centre_BA.detach()
    assert 0.0 <= float(centre_BA.min()) < 0.1
    assert 0.9 < float(centre_BA.max()) <= 1.0


@pytest.mark.parametrize(("updates", "expected"), [(0, 0.2), (1, 0.1), (2, 0.08), (9, 0.08)])
def test_the_schedule_stops_at_the_floor(updates, expected):
    found = law(Gaussian(initial_std=0.2, std_decay=0.5, std_floor=0.08), updates).spread()
    assert torch.allclose(found, torch.full_like(found, expected))


@pytest.mark.parametrize("learn", [True, False])
def test_the_std_learns_only_if_asked(learn):
    head = Gaussian(learn_std=learn).build(3, 2, torch.Generator())
    assert head.log_std_A.requires_grad is learn


def test_options_are_checked():
    with pytest.raises(InputError, match=r"Gaussian\.initial_mean.*got 1.0"):
        Gaussian(initial_mean=1.0)
