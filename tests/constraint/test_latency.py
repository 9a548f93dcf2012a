import time

import pytest
import torch
from torch import nn

from cpruner.constraint import Latency
from cpruner.errors import CostError, InputError


class Probe(nn.Module):
    """Remembers how it was called; every call sleeps for some milliseconds."""

    def __init__(self, milliseconds=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.milliseconds, self.calls = milliseconds, []

    def forward(self, x):
        self.calls.append((len(x), self.training, torch.is_inference_mode_enabled(), torch.get_num_threads()))
        time.sleep(self.milliseconds / 1000)
        return x


def test_measures_milliseconds():
    sample = Latency(warmup=0, repeats=5).measure(Probe(5.0), (torch.zeros(1),))
    assert 5.0 <= sample.value < 50.0
    assert 0 <= sample.spread < sample.value


def test_calls_warmup_and_repeats_times_in_evaluation_and_inference_mode():
    probe = Probe().train()
    Latency(warmup=2, repeats=4).measure(probe, (torch.zeros(3),))
    assert probe.calls == [(3, False, True, torch.get_num_threads())] * 6
    assert probe.training


@pytest.mark.parametrize(("batch_size", "rows"), [(None, 2), (1, 1), (5, 5)])
def test_batch_size(batch_size, rows):
    probe, x = Probe(), torch.zeros(2, 3)
    Latency(batch_size=batch_size, warmup=0, repeats=3).measure(probe, (x,))
    assert {call[0] for call in probe.calls} == {rows}
    assert x.shape == (2, 3)


def test_threads_are_set_and_given_back():
    before, probe = torch.get_num_threads(), Probe()
    Latency(warmup=0, repeats=3, threads=before + 1).measure(probe, (torch.zeros(1),))
    assert {call[3] for call in probe.calls} == {before + 1}
    assert torch.get_num_threads() == before


def test_only_cpu_and_cuda_have_a_clock():
    with pytest.raises(CostError, match=r"timed on cpu and cuda, and the network is on meta\. Move it, or"):
        Latency().measure(nn.Linear(2, 2, device="meta"), (torch.zeros(1, 2),))


def test_network_that_cannot_run_says_why():
    with pytest.raises(CostError, match=r"latency: the network cannot be run on its example inputs: .*shapes"):
        Latency().measure(nn.Linear(3, 5), (torch.zeros(1, 4),))


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"repeats": 2}, {"warmup": -1}, {"threads": 0}])
def test_options_have_ranges(options):
    with pytest.raises(InputError, match=f"Latency.{next(iter(options))}: expected a number in"):
        Latency(**options)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_times_the_device_and_moves_only_the_inputs():
    network, x = nn.Linear(4096, 4096).cuda(), torch.zeros(1, 4096)
    few = Latency(batch_size=16, repeats=20).measure(network, (x,))
    many = Latency(batch_size=65536, repeats=20).measure(network, (x,))
    assert 0 < few.value < many.value
    assert x.device.type == "cpu"
    assert network.weight.device.type == "cuda"
