import torch

from cpruner.agent import Squashed


def test_no_action_is_ever_clipped_and_the_middle_is_the_initial_mean():
    head = Squashed(initial_mean=0.6, initial_std=5.0).build(3, 2, torch.Generator().manual_seed(0))
    law = head(torch.zeros(4000, 3, dtype=torch.float64))
    drawn = law.sample(torch.Generator().manual_seed(1))
    assert torch.allclose(law.centre_BA, torch.full((4000, 2), 0.6, dtype=torch.float64))
    assert float(drawn.min()) > 0.0
    assert float(drawn.max()) < 1.0
    assert torch.allclose((drawn < 0.6).double().mean(0), torch.full((2,), 0.5, dtype=torch.float64), atol=0.03)
    assert bool(torch.isfinite(law.log_prob(drawn)).all())


def test_the_schedule_stops_at_the_floor():
    head = Squashed(initial_std=0.8, std_decay=0.5, std_floor=0.3).build(3, 1, torch.Generator())
    found = []
    for _ in range(3):
        head.anneal()
        found.append(round(float(head.log_std_A.detach().exp()), 6))
    assert found == [0.4, 0.3, 0.3]
