import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from cpruner.errors import InputError
from cpruner.pool.shipment import ship


@pytest.fixture(params=["memory", "file"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "function.pt" if request.param == "file" else None


def test_a_function_arrives_with_all_it_holds(file: Path | None) -> None:
    class Scaled(nn.Linear):  # a worker cannot import this
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 3 * super().forward(x)

    net = Scaled(4, 2).to(memory_format=torch.preserve_format).eval()
    x = torch.arange(8.0).reshape(2, 4)
    function = ship(lambda scale: scale * net(x), torch.get_num_threads(), file).unpack()
    assert torch.equal(function(2.0), 2.0 * net(x))


def test_tensors_that_are_one_stay_one_and_can_be_written(file: Path | None) -> None:
    weight = torch.zeros(3)
    view = weight[1:]

    def change(item: float) -> tuple[torch.Tensor, torch.Tensor]:
        view.add_(item)
        return weight, view

    there, part = ship(change, torch.get_num_threads(), file).unpack()(2.0)
    assert there.tolist() == [0.0, 2.0, 2.0]
    assert part.tolist() == [2.0, 2.0]
    assert weight.tolist() == [0.0, 0.0, 0.0]


def test_what_a_worker_needs_travels_along(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(sys, "path", [*sys.path, "/somewhere/else"])
    shipment = ship(abs, before + 1)
    monkeypatch.setattr(sys, "path", ["/my/own"])
    try:
        shipment.unpack()
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert sys.path[0] == "/my/own"
    assert "/somewhere/else" in sys.path
    assert len(set(sys.path)) == len(sys.path)


def test_what_cannot_be_sent_is_refused(file: Path | None) -> None:
    lock = threading.Lock()
    with pytest.raises(InputError, match=r"pool: expected .* sent to another process, got TypeError: .*lock.*serial"):
        ship(lambda item: lock, 1, file)
