"""Networks with a state or a graph: recurrent layers, a selective state space, attention between neighbours.

Axes: B batch, T steps or nodes, F features, H hidden units, S states, K heads, D dimensions of a head, E edges.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from measure.attention import CLASSES, FEATURES, TOKENS

HIDDEN, STATES, RANK, WINDOW = 64, 8, 4, 4


class Recurrent(nn.Module):
    """Linear embedding, one of torch's recurrent layers, classifier of the last step.

    Args:
        layer: ``nn.LSTM`` or ``nn.GRU``, batch first, of ``HIDDEN`` inputs.
    """

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.embed, self.layer = nn.Linear(FEATURES, HIDDEN), layer
        self.head = nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), CLASSES)

    def forward(self, x_BTF: Tensor) -> Tensor:
        """Logits of shape (B, classes)."""
        steps_BTH: Tensor = self.layer(functional.relu(self.embed(x_BTF)))[0]
        logits: Tensor = self.head(steps_BTH[:, -1])
        return logits


class StateSpace(nn.Module):
    """A residual block whose state is updated by what it reads, as in Mamba (Gu and Dao 2023), step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.enter = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, 4 * HIDDEN)
        self.near = nn.Conv1d(2 * HIDDEN, 2 * HIDDEN, WINDOW, groups=2 * HIDDEN, padding=WINDOW - 1)
        self.select, self.step = nn.Linear(2 * HIDDEN, RANK + 2 * STATES), nn.Linear(RANK, 2 * HIDDEN)
        self.decay = nn.Parameter(torch.linspace(0, 1, 2 * HIDDEN * STATES).view(2 * HIDDEN, STATES))
        self.skip = nn.Parameter(torch.ones(2 * HIDDEN))
        self.leave, self.head = nn.Linear(2 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, CLASSES)

    def forward(self, x_BTF: Tensor) -> Tensor:
        """Logits of shape (B, classes)."""
        x_BTH = self.embed(x_BTF)
        inner_BTH, gate_BTH = self.enter(x_BTH).chunk(2, -1)
        inner_BTH = functional.silu(self.near(inner_BTH.transpose(1, 2))[..., : x_BTF.shape[1]].transpose(1, 2))
        rank_BTR, write_BTS, read_BTS = self.select(inner_BTH).split([RANK, STATES, STATES], -1)
        step_BTH, decay_HS = functional.softplus(self.step(rank_BTR)), -torch.exp(self.decay)
        state_BHS = torch.zeros(len(x_BTF), inner_BTH.shape[2], STATES, dtype=x_BTF.dtype, device=x_BTF.device)
        read = []
        for t in range(x_BTF.shape[1]):
            step_BH1 = step_BTH[:, t, :, None]
            state_BHS = torch.exp(step_BH1 * decay_HS) * state_BHS
            state_BHS = state_BHS + step_BH1 * write_BTS[:, t, None, :] * inner_BTH[:, t, :, None]
            read.append((state_BHS * read_BTS[:, t, None, :]).sum(-1))
        mixed_BTH = (torch.stack(read, 1) + inner_BTH * self.skip) * functional.silu(gate_BTH)
        logits: Tensor = self.head((x_BTH + self.leave(mixed_BTH)).mean(1))
        return logits


class GraphAttention(nn.Module):
    """Two layers of attention between neighbours (Velickovic et al. 2018) on a ring of nodes, and their mean."""

    edges_2E: Tensor

    def __init__(self, heads: int = 4) -> None:
        super().__init__()
        self.heads, dim = heads, HIDDEN // heads
        nodes = torch.arange(TOKENS)
        self.register_buffer("edges_2E", torch.stack([nodes, (nodes + 1) % TOKENS]).repeat(1, 2))
        self.project = nn.ModuleList([nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, HIDDEN)])
        self.left = nn.ParameterList(nn.Parameter(torch.zeros(heads, dim)) for _ in self.project)
        self.right = nn.ParameterList(nn.Parameter(torch.zeros(heads, dim)) for _ in self.project)
        self.head = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x_BTF: Tensor) -> Tensor:
        """Logits of shape (B, classes)."""
        sender_E, receiver_E = self.edges_2E
        h_BTH = x_BTF
        for project, left_KD, right_KD in zip(self.project, self.left, self.right, strict=True):
            h_BTKD = project(h_BTH).unflatten(-1, (self.heads, -1))
            score_BEK = (h_BTKD * left_KD).sum(-1)[:, sender_E] + (h_BTKD * right_KD).sum(-1)[:, receiver_E]
            weight_BEK = functional.leaky_relu(score_BEK, 0.2).exp()
            total_BTK = h_BTKD.new_zeros(h_BTKD.shape[:3]).index_add(1, receiver_E, weight_BEK)
            weight_BEK = weight_BEK / total_BTK[:, receiver_E]
            sent_BEKD = h_BTKD[:, sender_E] * weight_BEK[..., None]
            h_BTH = functional.elu(torch.zeros_like(h_BTKD).index_add(1, receiver_E, sent_BEKD).flatten(2))
        logits: Tensor = self.head(h_BTH.mean(1))
        return logits
