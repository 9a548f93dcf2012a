import pytest
import torch

from cpruner.agent import Beta
from cpruner.errors import InputError


@torch.no_grad()
def components(head):
    law = head(torch.zeros(1, 3, dtype=torch.float64))
    return float(law.components.mean[0, 0]), float(law.components.stddev[0, 0])


@pytest.mark.parametrize(("mean", "std"), [(0.7, 0.2), (0.2, 0.1), (0.5, 0.45)])
def test_it_starts_with_the_stated_mean_and_std(mean, std):
    head = Beta(initial_mean=mean, initial_std=std).build(3, 2, torch.Generator().manual_seed(0))
    assert components(head) == (pytest.approx(mean), pytest.approx(std))


def test_the_schedule_shrinks_the_std_down_to_the_floor():
    head = Beta(initial_mean=0.6, initial_std=0.2, std_decay=0.5, std_floor=0.06).build(3, 1, torch.Generator())
    found = []
    for _ in range(3):
        head.anneal()
        found.append(components(head)[1])
    assert found == [pytest.approx(0.1), pytest.approx(0.06), pytest.approx(0.06)]


def test_an_action_at_the_edge_has_a_density():
    head = Beta(initial_mean=0.5, initial_std=0.4).build(3, 2, torch.Generator())
    law = head(torch.zeros(1, 3, dtype=torch.float64))
    assert bool(torch.isfinite(law.log_prob(torch.tensor([[0.0, 1.0]], dtype=torch.float64))).all())


def test_no_density_is_wider_than_its_mean_allows():
    with pytest.raises(InputError, match=r"Beta\.initial_std: expected less than sqrt\(mean \(1 - mean\)\) = 0\.3"):
        Beta(initial_mean=0.9, initial_std=0.3)
