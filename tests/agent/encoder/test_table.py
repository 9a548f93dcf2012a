import torch

from cpruner.agent import Table
from cpruner.agent.sequences import Sequences


def test_a_row_per_step_and_the_last_one_for_what_is_longer():
    encoder = Table().build(3, 2, torch.Generator())
    found = encoder(Sequences.of([torch.zeros(3, 3, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)]))
    assert found.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
