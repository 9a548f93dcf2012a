"""Batch normalisation: one set of statistics per channel, so its vectors go where the channel goes."""

from collections.abc import Mapping

from torch import Tensor

from cpruner.space.sheet import support
from cpruner.space.tracer import Call, Rule, Tracer


def batch_norm(tracer: Tracer, call: Call) -> None:
    """Tie weight, bias and running statistics to the channels of the input (axis 1).

    Statistics taken from the input itself (instance norm) mix every other axis.
    """
    source, *vectors = call.args[:5]
    if len(call.args) > 5 and call.args[5] is True:
        for plane in tracer.planes(source):
            if support(plane) != {1}:
                tracer.sheet.freeze(plane, f"op '{call.name}' mixes this axis")
    channels = tracer.labels(source, 1)
    for vector in vectors:
        if isinstance(vector, Tensor):
            tracer.tie(channels, tracer.labels(vector, 0), "normalises channels of fixed number")
    result = call.result[0] if isinstance(call.result, tuple | list) else call.result
    tracer.assign(result, tracer.planes(source))


NORMALISATION: Mapping[str, Rule] = dict.fromkeys(
    (
        "native_batch_norm",
        "_native_batch_norm_legit_no_training",
        "_batch_norm_no_update",
        "cudnn_batch_norm",
        "miopen_batch_norm",
        "batch_norm",
    ),
    batch_norm,
)
