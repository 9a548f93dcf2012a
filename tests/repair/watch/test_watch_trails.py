"""How far a watch follows what a product puts out."""

import gc
import weakref
from typing import Any

import pytest
import torch
from function import Function
from seen import Seen, seen
from torch import Tensor, nn
from torch.nn import functional

from cpruner.repair.watch.watch import watched


def wave(*shape: int) -> Tensor:
    count = int(torch.tensor(shape).prod())
    return (torch.arange(count, dtype=torch.float64) * 0.7).sin().reshape(shape)


X = wave(2, 3, 6, 6)


def trails(forward: Any, **parts: Any) -> Seen:
    parts = {"a": nn.Conv2d(3, 4, 1), "b": nn.Conv2d(3, 4, 1), "bn": nn.BatchNorm2d(4), **parts}
    return seen(Function(forward, **parts), X)


def test_a_norm_is_followed_to_the_sum() -> None:
    found = trails(lambda s, x: s.bn(s.a(x)) + x[:, :1].expand(-1, 4, -1, -1))
    assert found.norms == ["bn.running_mean"]
    ((trail, other),) = found.joins
    assert (trail.name, trail.norm, other) == ("a.weight", "bn.running_mean", None)
    assert not found.branches


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.a(x) + s.b(x),
        lambda s, x: s.a(x).add_(s.b(x)),
        lambda s, x: torch.add(s.bn(s.a(x)), s.b(x)),
        lambda s, x: functional.dropout(s.a(x), 0.5, s.training) + s.b(x),
    ],
)
def test_sums_of_two_products(forward: Any) -> None:
    (joined,) = trails(forward).joins
    assert [trail.name for trail in joined] == ["a.weight", "b.weight"]


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: torch.add(s.a(x), s.b(x), alpha=2),
        lambda s, x: s.a(x) + s.b(x).mean((2, 3), keepdim=True),
        lambda s, x: s.a(x) + 1,
        lambda s, x: s.a(x).relu() + s.b(x).relu_(),
        lambda s, x: s.a(x).mul_(2) + s.b(x).permute(0, 1, 3, 2),
    ],
)
def test_what_is_no_sum_of_products(forward: Any) -> None:
    found = trails(forward)
    assert found.joins == []
    assert {trail.name for trail in found.branches} >= {"a.weight"}


def test_whoever_reads_a_product_beside_its_trail_is_noticed() -> None:
    def read(self: Any, x: Tensor) -> Tensor:
        h = self.bn(self.a(x))
        return (h + self.b(x)) * h

    assert {trail.name for trail in trails(read).branches} == {"a.weight"}
    both = trails(lambda s, x: torch.cat([s.a(x), s.bn(s.b(x))]))
    assert {(trail.name, trail.norm) for trail in both.branches} == {
        ("a.weight", None),
        ("b.weight", "bn.running_mean"),
    }


def test_a_norm_of_the_batch_itself_ends_a_trail() -> None:
    found = trails(lambda s, x: s.bn(s.a(x)) + s.b(x), bn=nn.BatchNorm2d(4, track_running_stats=False))
    assert found.norms == []
    assert [None if trail is None else trail.name for trail in found.joins[0]] == [None, "b.weight"]


def test_trails_can_be_followed_again() -> None:
    """Through views, the bias that is added afterwards, and a norm."""
    linear, norm = nn.Linear(4, 3), nn.BatchNorm1d(3)
    norm.running_mean.copy_(wave(3))
    network = Function(lambda s, x: s.n(s.f(x).flatten(0, 1)) + s.zero, f=linear, n=norm, zero=torch.zeros(10, 3))
    x = wave(5, 2, 4).transpose(0, 1)
    found = seen(network, x)
    (trail, _), (use, output) = found.joins[0], found.uses[0]
    with torch.no_grad():
        assert torch.allclose(trail.follow(output), network(x))
        linear.bias.add_(1)
        norm.running_mean.sub_(2)
        assert torch.allclose(trail.follow(output), network(x)), "with what parameters and norms are now"
    assert use.added is None
    assert trail.bias == "f.bias"


def test_activations_do_not_live_on() -> None:
    """A watch holds on to parameters, not to what ran through."""
    refs: list[weakref.ref[Tensor]] = []

    class Weak(Seen):
        def product(self, use: Any, run: Any) -> Tensor:
            output = run()
            refs.append(weakref.ref(output))
            return output

    network = nn.Sequential(*(layer for _ in range(4) for layer in (nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))).double()
    alive = []
    for module in network:
        module.register_forward_hook(lambda *_: alive.append((gc.collect(), sum(ref() is not None for ref in refs))[1]))
    with watched(network, Weak()):
        network(X)
    assert max(alive) <= 2
