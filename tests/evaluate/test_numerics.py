import pytest
import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.evaluate.numerics import Numerics, usual_batch


class Spy(nn.Module):
    """A convolution that notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.seen = nn.Conv2d(3, 4, 3), []

    def forward(self, images: Tensor) -> Tensor:
        made = self.conv(images)
        last = images.is_contiguous(memory_format=torch.channels_last)
        self.seen.append((made.dtype, last, torch.is_inference_mode_enabled(), self.training))
        return made.flatten(1)


IMAGES = torch.arange(2 * 3 * 25, dtype=torch.float32).reshape(2, 3, 5, 5) / 75


@pytest.mark.parametrize(
    ("numerics", "expected"),
    [
        (Numerics(8), (torch.float32, False, True, False)),
        (Numerics(8, channels_last=True), (torch.float32, True, True, False)),
        (Numerics(8, "bfloat16"), (torch.bfloat16, False, True, False)),
        (Numerics(8, "bfloat16", channels_last=True), (torch.bfloat16, True, True, False)),
    ],
)
def test_a_network_runs_as_asked_and_comes_back(numerics: Numerics, expected: tuple[object, ...]) -> None:
    network = Spy().train()
    plain = network.conv(IMAGES).flatten(1)
    with numerics.running(network) as run:
        logits = run(IMAGES)
    assert network.seen == [expected]
    assert torch.allclose(logits.float(), plain, rtol=0.02, atol=0.02)
    assert network.training
    assert network.conv.weight.is_contiguous()
    assert not torch.is_autocast_enabled("cpu")


def test_inputs_without_two_spatial_axes_keep_their_layout() -> None:
    network = nn.Linear(3, 2)
    with Numerics(8, channels_last=True).running(network) as run:
        assert run(torch.ones(1, 3)).shape == (1, 2)


def test_a_network_in_double_precision_stays_so() -> None:
    with Numerics(8).running(nn.Linear(3, 2).double()) as run:
        assert run(torch.ones(1, 3, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize(
    ("shape", "batch"), [((1, 3, 32, 32), 65), ((1, 3, 224, 224), 8), ((1, 1, 8, 8), 512), ((1, 3, 64, 64), 16)]
)
def test_the_usual_batch_fits_a_cache(shape: tuple[int, ...], batch: int) -> None:
    assert usual_batch(torch.zeros(shape)) == batch


def test_elsewhere_the_usual_batch_is_large() -> None:
    assert usual_batch(torch.zeros(1, 3, 224, 224, device="meta")) == 512


def test_graphs_need_a_cuda_device() -> None:
    with pytest.raises(InputError, match=r"Judging\.cuda_graph: expected a network on a CUDA device, got cpu"):
        Numerics(8, cuda_graph=True).running(nn.Linear(3, 2)).__enter__()
