"""What a watch says while a network runs, kept in lists."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from cpruner.repair.watch.listener import Listener, Use
from cpruner.repair.watch.trail import Trail
from cpruner.repair.watch.watch import watched


class Seen(Listener):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.uses: list[tuple[Use, Tensor]] = []
        self.joins: list[tuple[Trail | None, ...]] = []
        self.follows: list[Trail] = []
        self.branches: list[Trail] = []
        self.norms: list[str] = []
        self.reads: list[tuple[str, str]] = []
        self.missing: dict[str, tuple[str, tuple[int, ...]]] = {}

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        output = run()
        self.uses.append((use, output.clone()))
        return output

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        self.joins.append(tuple(trails))
        return run(*operands)

    def follow(self, trail: Trail) -> None:
        self.follows.append(trail)

    def branch(self, trail: Trail) -> None:
        self.branches.append(trail)

    def norm(self, mean: str) -> None:
        self.norms.append(mean)

    def read(self, name: str, op: str) -> None:
        self.reads.append((name, op))

    def missed(self, name: str, reason: str, axes: tuple[int, ...]) -> None:
        self.missing[name] = (reason, axes)

    @property
    def names(self) -> list[str]:
        """Weights in the order in which they were multiplied."""
        return [use.name for use, _ in self.uses]


def seen(network: nn.Module, *inputs: Any) -> Seen:
    """Run a network once and say what was seen."""
    listener = Seen()
    with watched(network, listener):
        network(*inputs)
    return listener
