"""Plain networks around torch's own attention modules, as users write them. Axes: B batch, T tokens, E embedding."""

import torch
from torch import Tensor, nn

EMBEDDING, HEADS, HIDDEN, TOKENS, FEATURES, CLASSES = 64, 4, 192, 16, 24, 10


class Encoder(nn.Module):
    """Linear embedding, learned positions, ``nn.TransformerEncoder``, mean over tokens, classifier.

    Args:
        norm_first: Normalise before instead of after each block.
    """

    def __init__(self, *, norm_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            EMBEDDING, HEADS, HIDDEN, activation="gelu", batch_first=True, norm_first=norm_first
        )
        self.embed = nn.Linear(FEATURES, EMBEDDING)
        self.position = nn.Parameter(torch.zeros(1, TOKENS, EMBEDDING))
        self.encoder = nn.TransformerEncoder(layer, 3, nn.LayerNorm(EMBEDDING), enable_nested_tensor=False)
        self.head = nn.Linear(EMBEDDING, CLASSES)

    def forward(self, x_BTF: Tensor) -> Tensor:
        """Logits of shape (B, classes)."""
        encoded: Tensor = self.encoder(self.embed(x_BTF) + self.position)
        logits: Tensor = self.head(encoded.mean(dim=1))
        return logits


class SelfAttention(nn.Module):
    """Residual blocks of ``nn.MultiheadAttention`` and an MLP, without any normalisation across channels."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(FEATURES, EMBEDDING)
        self.attend = nn.ModuleList(nn.MultiheadAttention(EMBEDDING, HEADS, batch_first=True) for _ in range(2))
        self.mlp = nn.ModuleList(
            nn.Sequential(nn.Linear(EMBEDDING, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, EMBEDDING)) for _ in range(2)
        )
        self.head = nn.Linear(EMBEDDING, CLASSES)

    def forward(self, x_BTF: Tensor) -> Tensor:
        """Logits of shape (B, classes)."""
        x_BTE: Tensor = self.embed(x_BTF)
        for attend, mlp in zip(self.attend, self.mlp, strict=True):
            x_BTE = x_BTE + attend(x_BTE, x_BTE, x_BTE, need_weights=False)[0]
            x_BTE = x_BTE + mlp(x_BTE)
        logits: Tensor = self.head(x_BTE.mean(dim=1))
        return logits


class CrossAttention(nn.Module):
    """One ``nn.MultiheadAttention`` with keys and values of other widths, returning its weights too."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(FEATURES, EMBEDDING)
        self.attend = nn.MultiheadAttention(EMBEDDING, HEADS, kdim=48, vdim=40, batch_first=True)
        self.key, self.value = nn.Linear(FEATURES, 48), nn.Linear(FEATURES, 40)
        self.head = nn.Linear(EMBEDDING, CLASSES)

    def forward(self, x_BTF: Tensor, memory_BSF: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of shape (B, classes) and attention weights of shape (B, T, S)."""
        mixed, weights = self.attend(self.query(x_BTF), self.key(memory_BSF), self.value(memory_BSF))
        return self.head(mixed.mean(dim=1)), weights


class Translator(nn.Module):
    """``nn.Transformer``: encoder, decoder and cross attention, with two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Linear(FEATURES, EMBEDDING), nn.Linear(FEATURES, EMBEDDING)
        self.transformer = nn.Transformer(EMBEDDING, HEADS, 2, 2, HIDDEN, batch_first=True)
        self.transformer.encoder.enable_nested_tensor = False
        self.head = nn.Linear(EMBEDDING, CLASSES)

    def forward(self, source_BSF: Tensor, target_BTF: Tensor) -> Tensor:
        """Logits of shape (B, T, classes)."""
        decoded: Tensor = self.transformer(self.source(source_BSF), self.target(target_BTF))
        logits: Tensor = self.head(decoded)
        return logits
