import torch
from torch import Tensor, nn

from cpruner.model.preactivation import PreActivationBlock, PreActivationNetwork


def images(channels: int) -> Tensor:
    return torch.randn(2, channels, 6, 6, generator=torch.Generator().manual_seed(0))


def silenced(block: PreActivationBlock) -> PreActivationBlock:
    nn.init.zeros_(block.conv2.weight)
    return block.eval()


def test_an_identity_block_passes_its_raw_input() -> None:
    block = silenced(PreActivationBlock(4, 4, 1))
    assert block.shortcut is None
    assert torch.equal(block(images(4)), images(4))


def test_a_changing_block_projects_its_first_activation() -> None:
    for block in (silenced(PreActivationBlock(4, 6, 1)), silenced(PreActivationBlock(4, 4, 2))):
        assert isinstance(block.shortcut, nn.Conv2d)
        active = block.bn1(images(4)).relu()
        assert torch.equal(block(images(4)), block.shortcut(active))


def test_norm_and_activation_come_before_each_convolution() -> None:
    block = PreActivationBlock(4, 4, 1).eval()
    nn.init.constant_(block.bn1.bias, -100.0)  # nothing is left of the input: the second convolution sees only bn2
    nn.init.constant_(block.bn2.bias, 1.5)
    inner = torch.full((2, 4, 6, 6), 1.5)
    assert torch.allclose(block(images(4)), block.conv2(inner) + images(4), atol=1e-5)


def test_stages_halve_the_image_but_the_first() -> None:
    network = PreActivationNetwork(stem=2, widths=(3, 5, 7), blocks=(1, 2, 1), channels=1, classes=4).eval()
    shapes: list[torch.Size] = []
    for block in network.blocks:
        block.register_forward_hook(lambda _module, _inputs, out: shapes.append(out.shape[1:]))
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 4)
    assert shapes == [(3, 8, 8), (5, 4, 4), (5, 4, 4), (7, 2, 2)]


def test_the_last_sum_is_normalised_and_activated() -> None:
    network = PreActivationNetwork(stem=2, widths=(3,), blocks=(1,), channels=1, classes=4).eval()
    nn.init.constant_(network.bn.bias, -100.0)
    out = network(torch.ones(2, 1, 8, 8))
    assert torch.allclose(out, network.linear.bias.expand(2, 4))
