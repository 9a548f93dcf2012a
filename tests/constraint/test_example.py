from collections import namedtuple

import torch
from torch import nn

from cpruner.constraint.example import as_inputs, device_of, map_tensors, resize_batch, tensors

Pair = namedtuple("Pair", "left right")


def test_lone_tensor_becomes_the_only_argument():
    x = torch.zeros(2, 3)
    assert as_inputs(x)[0] is x
    assert as_inputs([x, 1]) == (x, 1)


def test_map_keeps_every_kind_of_nesting():
    value = (torch.ones(1), [torch.ones(1), "text"], {"a": torch.ones(1)}, Pair(torch.ones(1), None))
    mapped = map_tensors(lambda tensor: tensor + 1, value)
    assert isinstance(mapped[3], Pair)
    assert mapped[1][1] == "text"
    assert mapped[3].right is None
    assert [tensor.item() for tensor in tensors(mapped)] == [2.0] * 4
    assert [tensor.item() for tensor in tensors(value)] == [1.0] * 4


def test_resize_repeats_rows_and_leaves_other_tensors():
    x, mask, scalar = torch.tensor([[0.0], [1.0]]), torch.zeros(7), torch.tensor(3.0)
    resized = resize_batch((x, mask, scalar, "mode"), 5)
    assert resized[0].flatten().tolist() == [0, 1, 0, 1, 0]
    assert resized[1].shape == (7,)
    assert resized[2] is scalar
    assert resized[3] == "mode"


def test_resize_cuts_and_does_nothing_at_the_same_size():
    inputs = (torch.arange(4.0),)
    assert resize_batch(inputs, 1)[0].tolist() == [0.0]
    assert resize_batch(inputs, 4) is inputs
    assert resize_batch(("no tensor",), 4) == ("no tensor",)


def test_device_comes_from_parameters_then_inputs_then_cpu():
    meta = torch.empty(1, device="meta")
    assert device_of(nn.Linear(1, 1), (meta,)).type == "cpu"
    assert device_of(nn.ReLU(), (meta,)).type == "meta"
    assert device_of(nn.ReLU(), ()).type == "cpu"
