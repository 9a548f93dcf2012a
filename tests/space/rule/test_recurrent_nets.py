"""Recurrent layers of torch: one number of hidden units for all layers, directions and gates."""

from typing import Any

import pytest
import torch
from spaces import TOKENS, attributes, checked, members, numbers, programs, reason, seeded, sizes
from torch import Tensor, nn
from torch.nn.utils import rnn

import cpruner

KINDS = [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)]


def last(layer: nn.Module, reads: int) -> nn.Module:
    """Linear, a recurrent layer, and a classifier that reads its last step."""
    parts = {"a": nn.Linear(6, 8), "r": layer, "fc": nn.Linear(reads, 2)}
    return seeded(lambda s, x: s.fc(s.r(s.a(x))[0][:, -1]), **parts)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
def test_hidden_units_go_from_all_gates_layers_and_directions(kind: Any, layers: int, bidirectional: bool) -> None:
    layer = kind(8, 5, layers, batch_first=True, bidirectional=bidirectional)
    space = checked(last(layer, 10 if bidirectional else 5), TOKENS)
    assert sizes(space) == {"a": 8, "r": 5}
    assert programs(space) == set()
    assert attributes(space)["r", "hidden_size"] == 5
    assert attributes(space)["r", "input_size"] == 8
    assert "r.weight_hh_l0[1]" in members(space, "r")


@pytest.mark.parametrize(("kind", "gates"), KINDS)
def test_single_precision_too(kind: Any, gates: int) -> None:
    """Where torch has one op for a whole layer."""
    model = last(kind(8, 5, batch_first=True), 5).float().eval()
    flags = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    space = cpruner.trace(model, TOKENS.float())
    assert (torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()) == flags
    assert sizes(space) == {"a": 8, "r": 5}
    small = cpruner.materialise(model, space.uniform(0.6))
    assert (small.r.input_size, small.r.hidden_size, small.r.weight_hh_l0.shape) == (5, 3, (3 * gates, 3))
    assert small(TOKENS.float()).shape == (2, 2)
    loss = small(TOKENS.float()).square().sum()
    loss.backward()
    assert small.r.weight_hh_l0.grad is not None


def test_a_given_state_and_the_state_that_is_returned() -> None:
    parts = {"e": nn.GRU(6, 5, batch_first=True), "d": nn.GRU(3, 5, batch_first=True), "fc": nn.Linear(5, 2)}
    model = seeded(lambda s, x, y: s.fc(s.d(y, s.e(x)[1])[0]), **parts)
    space = checked(model, TOKENS, numbers(2, 4, 3, seed=1))
    assert sizes(space) == {"e": 5}
    assert {"e.weight_hh_l0[1]", "d.weight_hh_l0[1]", "fc.weight[1]"} <= members(space, "e")


def test_a_state_that_the_network_returns_keeps_its_size() -> None:
    space = checked(seeded(lambda s, x: s.r(x)[1], r=nn.GRU(6, 5)), TOKENS)
    assert sizes(space) == {}
    assert reason(space, "r.weight_hh_l0[1]") == "output of the network"


def test_packed_sequences() -> None:
    def forward(s: Any, x: Tensor) -> Tensor:
        packed = rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True)
        return s.fc(rnn.pad_packed_sequence(s.r(packed)[0], batch_first=True)[0])

    space = checked(seeded(forward, r=nn.LSTM(6, 5, batch_first=True), fc=nn.Linear(5, 2)), TOKENS)
    assert sizes(space) == {"r": 5}


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_cells_step_by_step(kind: Any) -> None:
    def forward(s: Any, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = s.r(step, state)
        return s.fc(state[0] if isinstance(state, tuple) else state)

    space = checked(seeded(forward, r=kind(6, 5), fc=nn.Linear(5, 2)), TOKENS)
    assert sizes(space) == {"r": 5}
    assert attributes(space) == {("r", "hidden_size"): 5, ("fc", "in_features"): 5}


def test_with_projections_only_what_is_projected_to_goes() -> None:
    """Torch tells a projection by its two sizes, which must not become equal."""
    model = seeded(lambda s, x: s.fc(s.r(x)[0]), r=nn.LSTM(6, 5, proj_size=3), fc=nn.Linear(3, 2))
    space = checked(model, TOKENS)
    assert sizes(space) == {"r": 3}
    assert attributes(space)["r", "proj_size"] == 3
    assert "takes steps of a recurrent network" in reason(space, "r.weight_hr_l0[1]")


def test_gates_written_out_by_hand_get_a_program() -> None:
    def forward(s: Any, x: Tensor) -> Tensor:
        state = cell = torch.zeros(len(x), 5, dtype=x.dtype)
        for step in x.unbind(1):
            i, f, g, o = s.gates(torch.cat([step, state], 1)).split(5, 1)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            state = o.sigmoid() * cell.tanh()
        return s.fc(state)

    space = checked(seeded(forward, gates=nn.Linear(11, 20), fc=nn.Linear(5, 2)), TOKENS)
    assert sizes(space) == {"gates": 5}
    assert programs(space) == {""}
