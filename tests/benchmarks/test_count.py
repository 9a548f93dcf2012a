import pytest
import torch
from measure.count import macs, parameters, shapes, tensors
from measure.error import precision_for, relative
from measure.spread import spread
from torch import nn


def test_a_linear_layer_by_hand() -> None:
    work, output = macs(nn.Linear(3, 4), (torch.ones(2, 3),))
    assert work == 24
    assert shapes(output) == [[2, 4]]


def test_attention_is_counted_although_torch_would_fuse_it() -> None:
    """Projections 3 * T * E * E, scores and mixture 2 * T * T * E, output T * E * E."""
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    work, _ = macs(net, (torch.ones(1, 5, 8),))
    assert work == 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8 + 2 * 5 * 8 * 16
    assert torch.backends.mha.get_fastpath_enabled() == fast


def test_a_shared_parameter_counts_once() -> None:
    one = nn.Linear(3, 3, bias=False)
    assert parameters(nn.Sequential(one, one)) == 9


def test_tensors_are_found_in_nested_outputs() -> None:
    a, b = torch.zeros(1), torch.zeros(2)
    assert shapes(tensors({"out": a, "rest": [(b, None), 3]})) == [[1], [2]]


def test_relative_error() -> None:
    reference = torch.tensor([1.0, -4.0])
    assert relative(reference + torch.tensor([0.0, 0.5]), reference) == pytest.approx(0.125)
    assert relative(torch.zeros(3), reference) == float("inf")
    assert relative(torch.tensor([1.0, float("nan")]), reference) == float("inf")
    assert (precision_for(100_000_000), precision_for(100_000_001)) == ("float64", "float32")


def test_quartiles() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == {"median": 3.0, "low": 2.0, "high": 4.0, "n": 5}
    assert spread([2.0]) == {"median": 2.0, "low": 2.0, "high": 2.0, "n": 1}
