import pytest
import torch
from invariants import check
from torch import Tensor, nn

from cpruner.space import trace
from cpruner.space.attribute import attributes_of


@pytest.mark.parametrize(
    ("module", "tensor", "axis", "expected"),
    [
        (nn.Linear(3, 4), "weight", 0, ("out_features",)),
        (nn.Linear(3, 4), "weight", 1, ("in_features",)),
        (nn.Conv2d(3, 4, 1), "weight", 1, ("in_channels",)),
        (nn.ConvTranspose2d(3, 4, 1), "weight", 0, ("in_channels",)),
        (nn.ConvTranspose2d(3, 4, 1), "weight", 1, ("out_channels",)),
        (nn.BatchNorm1d(3), "weight", 0, ("num_features",)),
        (nn.BatchNorm3d(3, affine=False), "running_mean", 0, ("num_features",)),
        (nn.InstanceNorm2d(3, affine=True), "weight", 0, ("num_features",)),
        (nn.PReLU(3), "weight", 0, ("num_parameters",)),
        (nn.Embedding(3, 4), "weight", 1, ("embedding_dim",)),
        (nn.Embedding(3, 4), "weight", 0, ()),
        (nn.EmbeddingBag(3, 4), "weight", 1, ("embedding_dim",)),
        (nn.LSTM(3, 4), "weight_ih_l0", 1, ("input_size",)),
        (nn.GRUCell(3, 4), "weight_ih", 1, ("input_size",)),
        (nn.GRUCell(3, 4), "weight_hh", 1, ("hidden_size",)),
        (nn.LSTM(3, 4, proj_size=2), "weight_hr_l0", 1, ("hidden_size",)),
        (nn.Linear(3, 4), "bias", 0, ()),
        (nn.LayerNorm(3), "weight", 0, ()),
        (None, "weight", 0, ()),
    ],
)
def test_attributes(module: nn.Module | None, tensor: str, axis: int, expected: tuple[str, ...]) -> None:
    assert attributes_of(module, tensor, axis) == expected
    for name in expected:
        assert getattr(module, name) in dict((*module.named_parameters(), *module.named_buffers()))[tensor].shape


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.loop, self.head = nn.Linear(4, 6), nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.loop(self.embed(x))[0].mean(1))


@pytest.mark.parametrize(
    ("model", "shape", "names"),
    [
        (Recurrent(), (2, 3, 4), ("loop.input_size", "embed.out_features")),
        (nn.Sequential(nn.Conv1d(3, 6, 1), nn.InstanceNorm1d(6, affine=True), nn.Conv1d(6, 2, 1)), (2, 3, 5),
         ("0.out_channels", "1.num_features", "2.in_channels")),
        (nn.Sequential(nn.Conv2d(3, 6, 1), nn.PReLU(6), nn.ConvTranspose2d(6, 2, 1)), (2, 3, 4, 4),
         ("0.out_channels", "1.num_parameters", "2.in_channels")),
        (nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 1, groups=6), nn.Conv2d(6, 2, 1)), (2, 3, 4, 4),
         ("1.groups", "1.in_channels", "1.out_channels")),
    ],
)  # fmt: skip
def test_attributes_follow_the_tensors(model: nn.Module, shape: tuple[int, ...], names: tuple[str, ...]) -> None:
    model, inputs = (
        model.double().eval(),
        (torch.linspace(-1, 1, 96, dtype=torch.float64)[: torch.tensor(shape).prod()].reshape(shape),),
    )
    space = trace(model, inputs)
    size = space.sizes[0]
    small = check(model, inputs, space, space.uniform(0.5))
    for name in names:
        path, _, attribute = name.rpartition(".")
        assert (getattr(model.get_submodule(path), attribute), getattr(small.get_submodule(path), attribute)) == (6, 3)
    assert size == 6


def test_the_width_of_an_embedding_follows() -> None:
    model = nn.Sequential(nn.Embedding(7, 6), nn.Linear(6, 2)).double()
    inputs = (torch.tensor([[0, 3], [6, 1]]),)
    space = trace(model, inputs)
    small = check(model, inputs, space, space.uniform(0.5))
    assert (small[0].num_embeddings, small[0].embedding_dim, small[1].in_features) == (7, 3, 3)
