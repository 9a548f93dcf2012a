"""Records the dense network while it runs: moments of every product, rows for a sequential pass, what follows it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

import torch
from torch import Tensor, nn

from cpruner.repair.layer import Layer
from cpruner.repair.moment import CHUNK, Moments, merged, moments
from cpruner.repair.spec import Repair
from cpruner.repair.watch import Trail, Use, watched

#: More inputs of one output value than this: the second moments alone would take over half a gigabyte.
MOST_INPUTS = 8192
#: Activations that live at the same time, in multiples of the largest product with its input.
_ALIVE = 2


@final
class Recorder:
    """A listener of ``watched`` that fills layers.

    Args:
        model: The dense network.
        spec: Positions and seed.
    """

    def __init__(self, model: nn.Module, spec: Repair) -> None:
        self._parameters, self._positions, self._keeps = (
            dict(model.named_parameters()),
            spec.positions,
            spec.mode == "sequential",
        )
        self._generator = torch.Generator().manual_seed(spec.seed)
        self._layers: dict[str, Layer] = {}
        self._skipped: dict[str, str] = {}
        self._branching: set[str] = set()
        self._bare: set[str] = set()
        self._calls = Counter[str]()

    def begin(self, images: int, *, first: bool) -> None:
        """A batch of so many images comes; only from the first one rows are kept and its structure is noted."""
        self._images, self._first = images, first

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """Run a product and sample it."""
        output, weight = run(), self._parameters[use.name]
        self._calls[use.name] += self._first
        if weight.numel() // weight.shape[use.product.axes[0]] > MOST_INPUTS:
            self._skipped[use.name] = f"more than {MOST_INPUTS} inputs"
        else:
            at_M = self._draw(use.product.rows(output)).to(output.device)
            self._sample(use, output, at_M)
        return output

    def _draw(self, total: int) -> Tensor:
        wanted = self._positions * self._images
        if wanted >= total:
            return torch.arange(total)
        return torch.randint(total, (wanted,), generator=self._generator)

    def _sample(self, use: Use, output: Tensor, at_M: Tensor) -> None:
        known = self._layers.get(use.name)
        dense: Moments | None = None if known is None else known.dense
        for part in at_M.split(8 * CHUNK):
            entering = use.product.inputs(use.entering, part)
            dense = merged(dense, moments(entering, use.product.outputs(output, part)))
        assert dense is not None  # noqa: S101 - no tensor of a network that has run is empty
        if known is not None:
            self._layers[use.name] = replace(known, dense=dense)
            return
        kept = at_M if self._keeps else at_M[:0]
        self._layers[use.name] = Layer(
            weight=use.name,
            bias=use.bias,
            fused=use.bias is not None,
            norm=None,
            product=use.product,
            dense=dense,
            at_M=kept,
            target_GMO=use.product.outputs(output, kept).clone(),
        )

    def follow(self, trail: Trail) -> None:
        """A bias or a norm that is applied to a product."""
        layer = self._layers.get(trail.name)
        if layer is not None and self._first:
            norm = None if trail.norm is None else trail.norm.rpartition(".")[0]
            self._layers[trail.name] = replace(layer, bias=layer.bias or trail.bias, norm=norm)

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
        self._branching.add(trail.name)
        if trail.norm is None:
            self._bare.add(trail.name)

    def found(self) -> tuple[dict[str, Layer], dict[str, str]]:
        """Layers by the name of their weight, and what is left out."""
        layers = {}
        for name, layer in self._layers.items():
            once = self._calls[name] == 1
            joined = once and name not in self._branching
            layers[name] = replace(
                layer,
                sum_GMO=layer.sum_GMO if joined else None,
                norm=layer.norm if once and name not in self._bare else None,
                at_M=layer.at_M if once else layer.at_M[:0],  # rows of one of several calls say nothing of the others
            )
        return layers, self._skipped


@final
class _Meter:
    """The largest product with its input."""

    largest = 0

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        output = run()
        self.largest = max(self.largest, output.nbytes + use.entering.nbytes)
        return output

    def join(self, trails: Sequence[Trail | None], operands: Sequence[Tensor], run: Callable[..., Tensor]) -> Tensor:
        del trails
        return run(*operands)

    def follow(self, trail: Trail) -> None:
        """Nothing to note."""

    def branch(self, trail: Trail) -> None:
        """Nothing to note."""


def bytes_of(model: nn.Module, image: Tensor) -> int:
    """Bytes of activations that live at the same time, for one image."""
    meter = _Meter()
    with watched(model, meter):
        model(image)
    return max(1, _ALIVE * meter.largest)
