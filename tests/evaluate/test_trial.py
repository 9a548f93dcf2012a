import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cpruner.evaluate.numerics import Numerics
from cpruner.evaluate.trial import Trial, choose, compare, fastest

PLAIN = Numerics(64)
IMAGES = torch.randn(256, 1, 4, 4, generator=torch.Generator().manual_seed(0))


class Slow(nn.Module):
    """Classifies by two fixed pixels; a clock that it moves stands for the machine."""

    def __init__(self, cost: Callable[[Tensor], float]) -> None:
        super().__init__()
        self.linear, self.cost, self.now = nn.Linear(16, 2, bias=False), cost, 0.0
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.weight[0, 0] = self.linear.weight[1, 1] = 1.0

    def forward(self, images: Tensor) -> Tensor:
        logits = self.linear(images.flatten(1))
        self.now += self.cost(logits) if images.ndim else 0.0
        return logits

    def clock(self) -> float:
        return round(self.now, 9)  # sums of equal times would differ in their last digit


def trial(seconds: float, agreement: float = 1.0, difference: float = 0.0, **ways: object) -> Trial:
    return Trial(Numerics(8, **ways), seconds, agreement, difference)  # type: ignore[arg-type]


def test_the_fastest_of_those_that_agree_is_chosen() -> None:
    plain, good = trial(1.0), trial(0.5, difference=1e-4, precision="bfloat16")
    wrong, off = trial(0.1, agreement=0.99), trial(0.1, difference=0.01)
    assert choose(plain, [wrong, good, off, trial(0.6)]) is good


@pytest.mark.parametrize("others", [[], [trial(0.95)], [trial(0.1, agreement=0.5)], [trial(2.0)]])
def test_without_a_clear_gain_it_stays_plain(others: list[Trial]) -> None:
    plain = trial(1.0)
    assert choose(plain, others) is plain


def test_what_is_fastest_is_found_by_format_and_then_by_size() -> None:
    """Half precision halves the time per image; every batch costs as much as ten images."""
    network = Slow(lambda logits: (10 + len(logits)) * (0.5e-4 if logits.dtype == torch.bfloat16 else 1e-4))
    found, trials = fastest(network, IMAGES, PLAIN, clock=network.clock)
    assert found == Numerics(256, "bfloat16")
    by_way = {tried.numerics: tried for tried in trials}
    assert by_way[PLAIN].seconds == pytest.approx((256 + 4 * 10) * 1e-4)
    assert by_way[found].seconds == pytest.approx((256 + 10) * 0.5e-4)
    assert by_way[PLAIN].agreement == 1.0
    assert {way.batch_size for way in by_way if way.precision == "bfloat16"} == {16, 32, 64, 128, 256}


def test_a_format_that_disagrees_is_not_taken_however_fast() -> None:
    class Coarse(Slow):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return logits.flip(1) if logits.dtype == torch.bfloat16 else logits

    network = Coarse(lambda logits: len(logits) * (1e-5 if logits.dtype == torch.bfloat16 else 1e-4))
    assert fastest(network, IMAGES, PLAIN, clock=network.clock)[0] == PLAIN


def test_what_fails_or_crawls_is_left_out() -> None:
    class Picky(Slow):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            if logits.dtype == torch.float16:
                raise RuntimeError("not implemented for 'Half'")
            return logits

    network = Picky(lambda logits: len(logits) * (1e-2 if logits.dtype == torch.bfloat16 else 1e-4))
    ways = [PLAIN, *(Numerics(64, precision) for precision in ("float16", "bfloat16"))]
    assert [tried.numerics for tried in compare(network, IMAGES, ways, network.clock)] == [PLAIN]


def test_a_slow_network_is_tried_on_few_images() -> None:
    """0.1 s per image: 32 images instead of 256, so that the whole trial ends."""
    network = Slow(lambda logits: 0.1 * len(logits))
    _, trials = fastest(network, IMAGES, PLAIN, clock=network.clock)
    assert max(tried.seconds for tried in trials) == pytest.approx(3.2)


def test_the_ways_take_turns() -> None:
    """A machine that gets slower and slower slows every way alike."""
    ticks = itertools.count(1)
    network = Slow(lambda logits: 1e-4 * next(ticks))
    ways = [Numerics(256), Numerics(256, channels_last=True)]
    plain, last = compare(network, IMAGES, ways, network.clock)
    assert last.seconds / plain.seconds < 1.3


def test_the_network_comes_back_as_it_was() -> None:
    network = Slow(lambda logits: 1e-4).train()
    before = network.linear.weight.clone()
    fastest(network, IMAGES, PLAIN)
    assert network.training
    assert torch.equal(network.linear.weight, before)
