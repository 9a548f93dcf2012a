"""Records the dense network while it runs: moments of every product, rows for a sequential pass, what follows it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

import torch
from torch import Tensor, nn

from cpruner.repair.spec import Repair
from cpruner.repair.statistics.layer import Layer, Skipped
from cpruner.repair.statistics.moment import Moments, merged, moments, portions
from cpruner.repair.watch import Listener, Trail, Use

#: More inputs of one output value than this: the second moments alone would take over half a gigabyte.
MOST_INPUTS = 8192


@final
class Recorder(Listener):
    """A listener of ``watched`` that fills layers.

    Args:
        model: The dense network.
        spec: Positions, mode and seed.
    """

    def __init__(self, model: nn.Module, spec: Repair) -> None:
        self._parameters = dict(model.named_parameters())
        self._positions, self._keeps = spec.positions, spec.mode == "sequential"
        self._generator = torch.Generator().manual_seed(spec.seed)
        self._layers: dict[str, Layer] = {}
        self._skipped: dict[str, Skipped] = {}
        self._around = _Around()

    def begin(self, images: int, *, first: bool) -> None:
        """A batch of so many images comes; only from the first one rows are kept and its structure is noted."""
        self._images, self._first = images, first

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """Run a product and sample it."""
        output, rows, known = run(), use.product.rows(use.entering), self._layers.get(use.name)
        if self._first:
            self._around.calls[use.name] += 1
            self._around.biases[use.name][use.bias or ""] += use.bias is not None
        if use.product.width(self._parameters[use.name]) > MOST_INPUTS * use.product.groups:
            self._skipped[use.name] = Skipped(f"more than {MOST_INPUTS} inputs", use.product.axes[1:])
        elif known is not None and not _alike(known, use):
            self._skipped[use.name] = Skipped("multiplied in two different ways", (0, 1))
        elif rows:
            self._sample(use, output, self._draw(rows).to(output.device))
        return output

    def _draw(self, total: int) -> Tensor:
        wanted = self._positions * self._images
        if wanted >= total:
            return torch.arange(total)
        return torch.randint(total, (wanted,), generator=self._generator)

    def _sample(self, use: Use, output: Tensor, at_M: Tensor) -> None:
        known = self._layers.get(use.name)
        dense: Moments | None = None if known is None else known.dense
        read = use.product.reader(use.entering, len(at_M))
        for part in at_M.split(portions(use.product.width(self._parameters[use.name]))):
            dense = merged(dense, moments(read(part), use.outputs(output, part)))
        assert dense is not None  # noqa: S101 - there is at least one row
        if known is not None:
            self._layers[use.name] = replace(known, dense=dense)
            return
        kept = at_M if self._keeps else at_M[:0]
        self._layers[use.name] = Layer(
            weight=use.name,
            bias=None,
            norm=None,
            product=use.product,
            dense=dense,
            rows=use.product.rows(use.entering),
            at_M=kept,
            target_GMO=use.outputs(output, kept).clone(),
        )

    def follow(self, trail: Trail) -> None:
        """A bias or a norm that is applied to a product."""
        if self._first and trail.norm is not None:
            self._around.norm_of[trail.name] = trail.norm
        elif self._first and trail.bias is not None:
            self._around.biases[trail.name][trail.bias] += 1

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        """Run a sum; the later of the products that enter it can make up for the other side."""
        total = run(*operands)
        entering = [trail for trail in trails if trail is not None and trail.name in self._layers]
        if self._first and self._keeps and entering:
            order = list(self._layers)
            last = max(entering, key=lambda trail: order.index(trail.name))
            layer = self._layers[last.name]
            sums = layer.product.outputs(last.shaped(total), layer.at_M).clone()
            self._layers[last.name] = replace(layer, sum_GMO=sums)
        return total

    def branch(self, trail: Trail) -> None:
        """Something else reads what a product made, before or after its norm."""
        self._around.branching.add(trail.name)
        if trail.norm is None:
            self._around.bare.add(trail.name)

    def norm(self, mean: str) -> None:
        """A batch norm runs."""
        self._around.norms[mean] += self._first

    def missed(self, name: str, reason: str, axes: tuple[int, ...]) -> None:
        """A product that is not followed."""
        if axes:
            self._skipped[name] = Skipped(reason, axes)

    def read(self, name: str, op: str) -> None:
        """A parameter is read by an op that is no product."""
        self._around.readers[name].add(op)

    def found(self) -> tuple[dict[str, Layer], dict[str, Skipped]]:
        """Layers by the name of their weight, and what is left as cut."""
        skipped = {**self._skipped}
        for name, layer in self._layers.items():
            if self._around.readers[name] and name not in skipped:
                ops = " and ".join(sorted(self._around.readers[name]))
                skipped[name] = Skipped(f"read by {ops} too", layer.product.axes[1:])
        known = {*self._layers, *skipped, *self._around.readers}
        for name, parameter in self._parameters.items():
            if name not in known and parameter.ndim > 1:
                skipped[name] = Skipped("does not run in eval mode", tuple(range(1, parameter.ndim)))
        layers = {name: self._around.placed(layer) for name, layer in self._layers.items() if name not in skipped}
        return layers, skipped


class _Around:
    """What surrounds the products of the first batch.

    Attributes:
        calls: How often a weight was multiplied.
        biases: How often which bias was added to its product.
        norm_of: Running mean of the batch norm that read it.
        norms: How often a batch norm ran.
        branching: Weights whose product something else reads, anywhere on its trail.
        bare: The same ahead of its norm.
        readers: Ops that read a parameter and are no product.
    """

    def __init__(self) -> None:
        self.calls, self.norms = Counter[str](), Counter[str]()
        self.biases: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.norm_of: dict[str, str] = {}
        self.branching: set[str] = set()
        self.bare: set[str] = set()
        self.readers: defaultdict[str, set[str]] = defaultdict(set)

    def placed(self, layer: Layer) -> Layer:
        """A layer with the places that are its own: for an intercept, and in a sum."""
        name = layer.weight
        once = self.calls[name] == 1
        mean = self.norm_of.get(name)
        alone = once and name not in self.bare and mean is not None and self.norms[mean] == 1
        return replace(
            layer,
            bias=self._bias(name),
            norm=mean.rpartition(".")[0] if alone and mean is not None else None,
            sum_GMO=layer.sum_GMO if once and name not in self.branching else None,
            at_M=layer.at_M if once else layer.at_M[:0],  # rows of one of several calls say nothing of the others
        )

    def _bias(self, name: str) -> str | None:
        """The bias that every call adds, if no other product has it."""
        added = +self.biases[name]
        for bias, count in added.items():
            others = (known[bias] for weight, known in self.biases.items() if weight != name)
            if count == self.calls[name] and len(added) == 1 and not any(others):
                return bias
        return None


def _alike(layer: Layer, use: Use) -> bool:
    """Whether a weight is multiplied as before: its rows and outputs mean the same."""
    one, other = layer.product, use.product
    return (one.groups, one.taps, one.inputs_first) == (other.groups, other.taps, other.inputs_first)
