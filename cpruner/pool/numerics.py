"""Settings of torch that change the numbers it computes: a worker must have those of the main process."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Numerics:
    """The settings of one process."""

    dtype: torch.dtype
    matmul_precision: str
    deterministic: bool
    warn_only: bool
    cudnn_deterministic: bool
    cudnn_benchmark: bool

    @classmethod
    def now(cls) -> "Numerics":
        """Those of this process."""
        return cls(
            dtype=torch.get_default_dtype(),
            matmul_precision=torch.get_float32_matmul_precision(),
            deterministic=torch.are_deterministic_algorithms_enabled(),
            warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
            cudnn_deterministic=torch.backends.cudnn.deterministic,
            cudnn_benchmark=torch.backends.cudnn.benchmark,
        )

    def restore(self) -> None:
        """Make them those of this process."""
        now = Numerics.now()
        torch.set_default_dtype(self.dtype)
        torch.set_float32_matmul_precision(self.matmul_precision)
        if (self.deterministic, self.warn_only) != (now.deterministic, now.warn_only):  # imports for a second
            torch.use_deterministic_algorithms(self.deterministic, warn_only=self.warn_only)
        torch.backends.cudnn.deterministic = self.cudnn_deterministic
        torch.backends.cudnn.benchmark = self.cudnn_benchmark
