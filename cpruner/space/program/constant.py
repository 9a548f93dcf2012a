"""Writes small constants into a program: lists of indices, and what ``torch.tensor`` makes of numbers."""

from typing import TYPE_CHECKING, Any

import torch

from cpruner.candidate import Node
from cpruner.space.program.refusal import RefusalError
from cpruner.space.run import Value

if TYPE_CHECKING:
    from cpruner.space.program.builder import Builder


def constant(builder: "Builder", value: Value) -> int:
    """Make a constant anew, and return its number.

    Raises:
        RefusalError: The value is no small constant: it comes from elsewhere.
    """
    if value.numbers is None:
        raise RefusalError("it uses a tensor that was made elsewhere")
    where = torch.device("cpu")  # any device stands for that of the first input
    kwargs = (("dtype", builder.encode(value.dtype)), ("device", builder.encode(where)))
    number = builder.fresh(value)
    builder.nodes.append(Node("torch.tensor", (builder.encode(value.numbers),), kwargs, number))
    return number


def check_constant(value: Value, twin: Any) -> None:
    """Refuse a constant whose numbers were others in the run with another batch size.

    Raises:
        RefusalError: They were.
    """
    if isinstance(twin, Value) and twin.numbers != value.numbers:
        raise RefusalError("the numbers of a constant depend on the batch size")
