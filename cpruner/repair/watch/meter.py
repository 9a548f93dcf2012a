"""How much memory one image takes."""

from collections.abc import Callable
from typing import final

from torch import Tensor, nn

from cpruner.repair.watch.listener import Listener, Use
from cpruner.repair.watch.watch import watched

#: Activations that live at the same time, in multiples of the largest product with its input.
_ALIVE = 2


@final
class Meter(Listener):
    """The largest product with its input, in bytes."""

    largest = 0

    def product(self, use: Use, run: Callable[[], Tensor]) -> Tensor:
        """Run a product and weigh it."""
        output = run()
        self.largest = max(self.largest, output.nbytes + use.entering.nbytes)
        return output


def bytes_of(model: nn.Module, image: Tensor) -> int:
    """Bytes of activations that live at the same time, for one image (1, ...)."""
    meter = Meter()
    with watched(model, meter):
        model(image)
    return max(1, _ALIVE * meter.largest)
