import torch
from measure.stir import settle, stir
from torch import Tensor, nn
from torchvision import models


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=0.3), nn.Dropout(), nn.Flatten(), nn.Linear(32, 4)
    )


def test_no_parameter_stays_constant_and_no_other_changes() -> None:
    net = network()
    weights: list[Tensor] = [parameter for name, parameter in net.named_parameters() if name.endswith("weight")]
    nn.init.zeros_(weights[2])
    before = weights[0].detach().clone()
    stir(net, torch.Generator().manual_seed(0))
    assert all(len(parameter.unique()) > 1 for parameter in net.parameters())
    assert weights[1].min() >= 0.5
    assert torch.equal(weights[0], before)


def test_the_same_seed_stirs_alike() -> None:
    nets = [nn.BatchNorm2d(8), nn.BatchNorm2d(8)]
    for net in nets:
        stir(net, torch.Generator().manual_seed(3))
    assert torch.equal(nets[0].weight, nets[1].weight)


def test_a_settled_batch_norm_standardises_its_own_input() -> None:
    net = network()
    x = 5 + 3 * torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    settle(net, (x,))
    assert not any(module.training for module in net.modules())
    assert net.get_submodule("1").momentum == 0.3
    out = net[:2](x)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(8), atol=1e-5, rtol=0)


def test_after_both_the_output_depends_on_the_input() -> None:
    """With biases alone this network answers the same whatever it sees, and any comparison of outputs would pass."""
    net = models.mobilenet_v3_small().eval()
    one, other = torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def change() -> float:
        with torch.no_grad():
            first, second = net(one), net(other)
        return float((first - second).abs().max() / first.abs().max())

    stir(net, torch.Generator().manual_seed(0))
    assert change() < 1e-3
    settle(net, (torch.cat([one, other]) + 0.1,))
    assert change() > 1e-2
