import torch

from cpruner.agent import Recurrent
from cpruner.agent.sequences import Sequences


def test_a_step_of_the_cell_by_hand():
    """Cho et al. 2014: h = (1 - z) n + z h', with torch's order of the gates (r, z, n) and no biases yet."""
    encoder = Recurrent(width=4).build(2, 5, torch.Generator().manual_seed(0))
    seen = torch.tensor([[0.5, -1.0], [1.0, 0.2]], dtype=torch.float64)
    into, back = encoder.body.weight_ih_l0.detach(), encoder.body.weight_hh_l0.detach()
    state = torch.zeros(4, dtype=torch.float64)
    for row in seen:
        (ri, zi, ni), (rh, zh, nh) = (into @ row).chunk(3), (back @ state).chunk(3)
        reset, update = torch.sigmoid(ri + rh), torch.sigmoid(zi + zh)
        state = (1 - update) * torch.tanh(ni + reset * nh) + update * state
    assert torch.allclose(encoder(Sequences.of([seen]))[-1], state)


def test_the_gain_scales_what_reads_the_observation():
    norms = [
        float(torch.linalg.matrix_norm(getattr(built.body, name).detach(), ord=2))
        for built in [Recurrent(width=4, gain=2.0).build(2, 5, torch.Generator().manual_seed(0))]
        for name in ("weight_ih_l0", "weight_hh_l0")
    ]
    assert [round(norm, 6) for norm in norms] == [2.0, 1.0]
