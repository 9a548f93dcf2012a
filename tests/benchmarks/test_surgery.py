import surgery
import torch
from torch import nn

TIMES = {"median": 0.01, "low": 0.009, "high": 0.011, "n": 3}
FACTS = {
    "trace_s": [5.0, 2.0, 1.0],
    "groups": 3,
    "traffic": 1.5,
    "choose": TIMES,
    "materialise": TIMES,
    "floor": {**TIMES, "median": 0.005},
    "above_floor": {**TIMES, "median": 2.0, "low": 1.9, "high": 2.1},
    "peer": {**TIMES, "median": 0.3},
}
AROUND = {
    "command": "python x",
    "date": "2026-01-01",
    "device": "chip",
    "versions": {"torch": "2", "torch-pruning": "1"},
}
MEMORY = {"network": "resnet18", "materialisations": 9, "before_mb": 10.0, "after_mb": 10.5, "objects": 0}


def test_the_floor_copies_every_tensor() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    copies = surgery.floor(net)
    originals = [*net.parameters(), *net.buffers()]
    assert all(torch.equal(a, b) and a.data_ptr() != b.data_ptr() for a, b in zip(copies, originals, strict=True))


def test_traffic_counts_whole_rows_of_single_numbers() -> None:
    """Half of the rows and half of the columns: single columns are read whole, 5 x 5 windows of 100 bytes are not."""
    dense = nn.Sequential(nn.Linear(16, 16, bias=False), nn.Conv2d(16, 16, 5, bias=False))
    small = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Conv2d(8, 8, 5, bias=False))
    linear, conv = 8 * 8 * 4, 8 * 8 * 25 * 4
    assert surgery.traffic(dense[:1], small[:1]) == (2 * linear + linear) / (2 * linear)
    assert surgery.traffic(dense[1:], small[1:]) == 1
    assert surgery.traffic(dense, small) == (2 * linear + conv + linear + conv) / (2 * (linear + conv))


def test_the_page_has_both_ratios() -> None:
    page = surgery.markdown({**AROUND, "networks": {"resnet50": FACTS}, "memory": MEMORY})
    assert "| resnet50 | 3 | 2.00 s |" in page
    assert "2.00 (1.90 to 2.10) | 1.50 |" in page
    assert "| 30 |" in page
    assert "10.0 -> 10.5 MiB" in page
    assert "Every promise about speed is kept." in page


def test_every_missed_promise_is_named() -> None:
    slow = {**FACTS, "trace_s": [4.0] * 3, "above_floor": {**TIMES, "median": 3.5}, "peer": {**TIMES, "median": 0.1}}
    assert surgery.misses({"networks": {"resnet50": slow}}) == [
        "resnet50: 10.0 times faster than Torch-Pruning, promised 20",
        "resnet50: 3.50 times the floor, promised 3",
        "resnet50: traced in 4.0 s, promised 3 s",
    ]


def test_without_the_peer_the_rest_is_still_told() -> None:
    alone = {name: value for name, value in FACTS.items() if name != "peer"}
    assert surgery.faster(alone) is None
    assert "| - | - |" in surgery.markdown({**AROUND, "networks": {"vgg16_bn": alone}})
