from dataclasses import replace

import pytest
import torch
from refitting import layer_of
from torch import Tensor, nn

from cpruner.repair.refit.write import write

X = torch.randn(5, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def network(*, bias: bool = True) -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 6, 1, groups=2, bias=bias), nn.BatchNorm2d(6)).double().eval()


def written(model: nn.Module, weight: Tensor, offset: Tensor) -> nn.Module:
    write(model, layer_of(model, "0.weight", X), weight, offset)
    return model


WEIGHT = torch.arange(12, dtype=torch.float64).reshape(2, 2, 3)
OFFSET = torch.arange(6, dtype=torch.float64).reshape(2, 3)


def test_weights_are_laid_out_as_the_layer_has_them() -> None:
    model = written(network(), WEIGHT, OFFSET)
    assert torch.equal(model[0].weight[4, :, 0, 0], WEIGHT[1, :, 1])
    with torch.no_grad():
        rows = X.movedim(1, -1)
        expected = torch.cat([rows[..., :2] @ WEIGHT[0], rows[..., 2:] @ WEIGHT[1]], -1).movedim(-1, 1)
        assert torch.allclose(model[0](X), expected + model[0].bias.view(-1, 1, 1))


def test_an_intercept_is_added_to_the_bias() -> None:
    model = network()
    bias, mean = model[0].bias.detach().clone(), model[1].running_mean.clone()
    written(model, WEIGHT, OFFSET)
    assert torch.equal(model[0].bias, bias + OFFSET.flatten())
    assert torch.equal(model[1].running_mean, mean)


def test_or_taken_off_the_mean_of_the_norm() -> None:
    model = written(network(bias=False), WEIGHT, OFFSET)
    assert torch.equal(model[1].running_mean, -OFFSET.flatten())


def test_or_has_no_place() -> None:
    model = network(bias=False)
    layer = replace(layer_of(model, "0.weight", X), norm=None)
    write(model, layer, WEIGHT, OFFSET)
    assert not model[1].running_mean.any()
    assert torch.equal(layer.product.matrix(model[0].weight), WEIGHT)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e300])
@pytest.mark.parametrize("where", ["weight", "offset"])
def test_what_is_not_finite_leaves_the_layer(value: float, where: str) -> None:
    """In the precision of the layer: what overflows there is not finite."""
    model = network().float()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    layer = layer_of(model, "0.weight", X.float())
    write(model, layer, WEIGHT * (value if where == "weight" else 1), OFFSET * (value if where == "offset" else 1))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_type(kind: torch.dtype) -> None:
    model = network().to(kind)
    write(model, layer_of(model, "0.weight", X.to(kind)), WEIGHT, OFFSET)
    assert {tensor.dtype for tensor in model.parameters()} == {kind}
    assert torch.equal(model[0].weight[:, 0, 0, 0].double(), WEIGHT.transpose(1, 2).reshape(6, 2)[:, 0])


def test_a_network_of_one_norm_is_its_own_place() -> None:
    class Alone(nn.BatchNorm1d):
        def __init__(self) -> None:
            super().__init__(3)
            self.matrix = nn.Parameter(torch.eye(3))

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x @ self.matrix)

    model = Alone().double().eval()
    layer = layer_of(model, "matrix", torch.randn(9, 3, dtype=torch.float64))
    assert layer.norm == ""
    write(model, layer, torch.eye(3)[None].double(), torch.ones(1, 3).double())
    assert model.running_mean.tolist() == [-1, -1, -1]
