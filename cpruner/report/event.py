"""TensorBoard events: named numbers per step."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, final


@final
class EventLog:
    """Writes scalars for TensorBoard; use it as a context manager.

    Args:
        folder: Where the event file goes; made if it is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._writer: Any = None

    def __enter__(self) -> "EventLog":
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(log_dir=str(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._writer = None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers of one step; does nothing outside the ``with`` block.

        Args:
            step: Evaluations or updates done so far.
            values: Tag, such as "cost/flops", -> number.
        """
        if self._writer is None:
            return
        for tag, value in values.items():
            self._writer.add_scalar(tag, float(value), step)
