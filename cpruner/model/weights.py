"""Trained weights from a safetensors file."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cpruner.errors import InputError

SHOWN = 3  # tensors named in an error
COUNTER = "num_batches_tracked"  # batch norm's step counter: absent from many published files, unused at inference


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load every tensor of a safetensors file into a network, strictly: no name missing, none left over, shapes equal.

    Args:
        network: Changed in place; values are cast to its dtype and moved to its device.
        path: The safetensors file; the step counters of batch norm may be missing from it.

    Raises:
        InputError: If there is no such file, it is damaged, or it was made for another network; the message names the
            first tensors that differ.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise InputError("weights", expected="a safetensors file", got=f"nothing at {place}", remedy="Check the path.")
    try:
        stored = load_file(place)
    except SafetensorError as error:
        raise InputError(
            "weights", expected="a safetensors file", got=f"{place}: {error}", remedy="Fetch the file again."
        ) from error
    own = network.state_dict()
    differing = _differing(own, stored)
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise InputError(
            "weights",
            expected=f"the tensors of {type(network).__name__}",
            got=f"{place.name} with {'; '.join(differing[:SHOWN])}{more}",
            remedy="Use the file of this very network, with the same depth, width and number of classes.",
        )
    network.load_state_dict({**own, **stored})


def _differing(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> list[str]:
    """Name what differs, in the network's order."""
    missing = [f"no {name}" for name in own if name not in stored and not name.endswith(COUNTER)]
    extra = [f"an unknown {name}" for name in stored if name not in own]
    reshaped = [
        f"{name} of shape {tuple(stored[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in stored and stored[name].shape != tensor.shape
    ]
    return missing + extra + reshaped
