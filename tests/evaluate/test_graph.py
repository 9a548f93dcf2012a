import pytest
import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.evaluate.graph import Graphed
from cpruner.evaluate.numerics import Numerics


def test_it_is_refused_off_cuda() -> None:
    with pytest.raises(InputError, match=r"Set cuda_graph=false"):
        Graphed(nn.Identity(), torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_replays_compute_what_the_network_computes(precision: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(72, 4)).cuda()
    batches = [torch.randn(size, 3, 5, 5, device="cuda") for size in (6, 6, 6, 4)]
    with Numerics(6, precision).running(network) as run:
        expected = [run(batch) for batch in batches]
    with Numerics(6, precision, cuda_graph=True).running(network) as run:
        found = [run(batch) for batch in batches]
    assert all(torch.allclose(left, right, atol=1e-3) for left, right in zip(found, expected, strict=True))
    assert network.training


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_network_that_reads_back_is_refused() -> None:
    class Reader(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * float(inputs.sum())

    graphed = Graphed(Reader(), torch.device("cuda"))
    with pytest.raises(InputError, match="a network that can be captured"), torch.inference_mode():
        graphed(torch.ones(2, 2, device="cuda"))
