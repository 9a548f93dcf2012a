import torch

from cpruner.agent import Bernoulli


def test_units_are_kept_with_the_initial_probability():
    head = Bernoulli(initial_mean=0.8).build(3, 4, torch.Generator().manual_seed(0))
    law = head(torch.zeros(5000, 3, dtype=torch.float64))
    drawn = law.sample(torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(drawn.mean(0), torch.full((4,), 0.8, dtype=torch.float64), atol=0.02)
    assert law.centre_BA.min() == 1.0
