import torch
from torch import nn

from cpruner.testing.blocks import Add, Gate, Join, Scaled, Shuffle, Standardised, Thin, ThinBlock, Twice, TwoInputs

X = torch.arange(1 * 8 * 4 * 4, dtype=torch.float32).reshape(1, 8, 4, 4)


def test_add_and_join() -> None:
    assert torch.equal(Add(one=nn.Identity(), other=nn.Identity())(X), 2 * X)
    assert torch.equal(Join(nn.Identity())(X), torch.cat([X, X], 1))


def test_shuffle_deals_two_halves_out_in_turn() -> None:
    assert torch.equal(Shuffle()(X), X[:, [0, 4, 1, 5, 2, 6, 3, 7]])


def test_thin_halves_the_image_and_pads_both_sides_with_zeros() -> None:
    thin = Thin(2)(X)
    assert thin.shape == (1, 12, 2, 2)
    assert torch.equal(thin[:, 2:10], X[:, :, ::2, ::2])
    assert not thin[:, [0, 1, 10, 11]].any()


def test_thin_block_is_the_sum_of_its_convolution_and_the_same_shortcut() -> None:
    block = ThinBlock()
    assert torch.equal(block(X[:, :4]), block.conv(X[:, :4]) + Thin(2)(X[:, :4]))


def test_a_gate_scales_every_channel_between_zero_and_one() -> None:
    gate = Gate(8, 3)
    x = (X + 1) / 1000  # small, so that no sigmoid rounds to 0 or 1
    ratio = gate(x) / x
    assert torch.allclose(ratio, ratio.mean((2, 3), keepdim=True).expand_as(ratio))
    assert ((ratio > 0) & (ratio < 1)).all()


def test_a_standardised_weight_has_mean_zero_and_variance_one() -> None:
    """A convolution of an impulse shows the weight, mirrored."""
    conv = Standardised(2, 3, 3, padding=1, bias=False).double()
    impulse = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    impulse[0, 0, 1, 1] = impulse[1, 1, 1, 1] = 1
    weight = conv(impulse).transpose(0, 1)
    assert torch.allclose(weight.mean((1, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(weight.var((1, 2, 3), unbiased=False), torch.ones(3, dtype=torch.float64), atol=1e-3)


def test_two_inputs_meet_in_a_product() -> None:
    net = TwoInputs()
    x, y = torch.ones(1, 3, 5, 5), torch.ones(1, 1, 5, 5)
    joint = net.left(x).relu() * net.right(y).relu()
    assert torch.allclose(net(x, y)["logits"], net.head(joint.amax((2, 3))))


def test_twice_runs_one_convolution_twice() -> None:
    net, calls = Twice(), []
    net.loop.register_forward_hook(lambda *_: calls.append(1))
    assert net(torch.ones(1, 3, 5, 5)).shape == (1, 2)
    assert len(calls) == 2


def test_scaled_uses_parameters_without_a_module() -> None:
    net = Scaled()
    x = torch.ones(1, 3, 5, 5)
    assert torch.allclose(net(x), (net.conv(x) * net.scale).mean((2, 3)) @ net.matrix)
    assert {name for name, _ in net.named_parameters()} == {"conv.weight", "scale", "matrix"}
