import torch
from torch.nn import functional

from cpruner.testing.mixing_blocks import Mixer, ShuffleUnit, Swish

X = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))


def test_a_shuffle_unit_passes_every_other_channel_on() -> None:
    image = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    unit = ShuffleUnit(8).eval()
    result = unit(image)
    assert torch.equal(result[:, ::2], image[:, :4])
    assert torch.allclose(result[:, 1::2], unit.branch(image[:, 4:]))


def test_a_mixer_mixes_tokens_then_channels() -> None:
    mixer = Mixer(5, 8)
    between = X + mixer.along(mixer.before(X).transpose(1, 2)).transpose(1, 2)
    assert torch.allclose(mixer(X), between + mixer.across(mixer.between(between)))


def test_a_gated_layer_multiplies_its_halves() -> None:
    layer = Swish(8, 3)
    both = layer.both(X)
    assert torch.allclose(layer(X), layer.out(functional.silu(both[..., :3]) * both[..., 3:]))
