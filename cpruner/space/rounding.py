"""Which widths are legal: multiples that the hardware likes, and a smallest width."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cpruner.errors import InputError

#: Widths that matrix units like, by type of the numbers (NVIDIA, "Tensor Core requirements" of the performance guides).
_TENSOR_CORE = {torch.float16: 8, torch.bfloat16: 8, torch.float32: 4, torch.int8: 16, torch.float8_e4m3fn: 16}


@dataclass(frozen=True)
class Rounding:
    """Legal widths of a group: its dense width, and multiples of a step from ``min_width`` on.

    Args:
        multiple_of: Channels of the axis that leads a group come in multiples of this.
        min_width: No group gets narrower than this.
        reason: Where ``multiple_of`` comes from.

    Raises:
        InputError: A number below 1.
    """

    multiple_of: int = 1
    min_width: int = 1
    reason: str = "asked for"

    def __post_init__(self) -> None:
        for name, value in (("multiple_of", self.multiple_of), ("min_width", self.min_width)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(
                    name, expected="an integer >= 1", got=value, remedy="Use 1 for no rounding and no minimum."
                )

    def width(self, size: int, ratio: float, step: int) -> int:
        """The legal width nearest to ``ratio * size``, in multiples of ``step``."""
        return int(self.widths(np.array([size]), np.array([[ratio]]), np.array([step]))[0, 0])

    def widths(
        self, size_G: NDArray[np.int64], ratio_NG: NDArray[np.float64], step_G: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The same for N choices of G groups at once, shape (N, G)."""
        wanted_NG = ratio_NG * size_G
        lowest_G = -(-max(self.min_width, 1) // step_G) * step_G
        width_NG = np.maximum(np.rint(wanted_NG / step_G).astype(np.int64) * step_G, lowest_G)
        whole_NG = (width_NG >= size_G) | (size_G - wanted_NG <= np.abs(width_NG - wanted_NG))
        return np.where(whole_NG, size_G, width_NG)

    def why(self, step: int, whole: bool) -> str:
        """Why a width is what it is."""
        parts = [f"widths are multiples of {step} ({self.reason})"] if step > 1 else []
        parts += [f"at least {self.min_width} stay"] if self.min_width > 1 else []
        parts += ["the whole group is as near"] if whole else []
        return " and ".join(parts) or "at least one stays"


def hardware_multiple(model: nn.Module) -> Rounding:
    """Multiples that suit the device and type of a model's parameters: 8 for float16 on tensor cores, 1 on CPUs."""
    kinds = {(parameter.device.type, parameter.dtype) for parameter in model.parameters()}
    steps = {kind: _TENSOR_CORE.get(kind[1], 1) if kind[0] == "cuda" else 1 for kind in kinds}
    if not steps:
        return Rounding()
    (device, dtype), step = max(steps.items(), key=lambda item: item[1])
    return Rounding(step, reason=f"{str(dtype).removeprefix('torch.')} on {device}")
