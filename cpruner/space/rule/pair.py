"""Statistics that do not exist for one number."""

from torch import Tensor

from cpruner.space.run import Call, Tracer


def keep_two(tracer: Tracer, call: Call, labels: Tensor, numbers: int) -> None:
    """See to it that two channels stay where every result is taken over one number per channel.

    Labels that follow from others (an input and a place in a window, laid side by side) are left alone: each of their
    factors stands for several numbers.

    Args:
        tracer: The running trace.
        call: What takes the statistics.
        labels: Labels along the axis they are taken across.
        numbers: How many numbers one result is taken over.
    """
    if numbers == len(labels) == len(labels.unique()) and not tracer.sheet.defined(labels):
        tracer.sheet.pin(labels[:1], f"'{call.name}' needs two channels")
