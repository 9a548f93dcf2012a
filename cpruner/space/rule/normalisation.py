"""Normalisation: per channel (batch, instance), over groups of channels, over all channels of a position."""

from collections.abc import Mapping

from torch import Tensor, nn

from cpruner.space.label import Planes, support
from cpruner.space.rule.given import given
from cpruner.space.rule.pair import keep_two
from cpruner.space.run import BATCH_NORMS, VIEWS, Call, Norm, Rule, Tracer

_FIXED = "normalises channels of fixed number"


def batch_norm(tracer: Tracer, call: Call) -> None:
    """Tie weight, bias and running statistics to the channels of the input (axis 1).

    Statistics taken from the input itself (instance norm, a standardised weight) mix every other axis.
    """
    source, *vectors = call.args[:5]
    learns = bool(given(call).get("training"))
    planes = tracer.separate(source, set(range(source.ndim)) if learns else {1})
    tracer.norms.append(_mixed(tracer, call, planes) if learns else Norm())
    channels = tracer.labels(source, 1)
    for vector in vectors:
        if isinstance(vector, Tensor):
            tracer.tie(channels, tracer.labels(vector, 0), _FIXED)
    if channels is not None and not any(isinstance(vector, Tensor) for vector in vectors):
        _bare(tracer, source, channels)
    result = call.result[0] if isinstance(call.result, tuple | list) else call.result
    tracer.assign(result, planes)


def _mixed(tracer: Tracer, call: Call, planes: Planes) -> Norm:
    """Statistics across one pruned axis are taken over what is kept of it; of several axes only the first can shrink.

    The rows of a convolution's weight are numbers of inputs and of places in the window, laid side by side; a 1 x 1
    window has one number per input, and torch does not standardise a single number.
    """
    mixed = sorted((plane for plane in planes if support(plane) != {1}), key=lambda plane: min(support(plane)))
    for plane in mixed[1:]:
        tracer.sheet.freeze(plane, f"op '{call.name}' mixes this axis")
    if not mixed:
        return Norm()
    (axis,), labels = support(mixed[0]), mixed[0].flatten()
    keep_two(tracer, call, labels, call.args[0].numel() // call.args[0].shape[1])
    return Norm(labels, axis=axis)


def _bare(tracer: Tracer, source: Tensor, channels: Tensor) -> None:
    """A norm without tensors of its own still says how many channels it has (instance norm folds in the batch)."""
    frame, value = tracer.recorder.stack[-1], tracer.recorder.value(source)
    while value.shape[0] == 1 and value.maker is not None and value.maker.packet in (*VIEWS, "clone"):
        value = value.maker.args[0]
    if issubclass(frame.kind, nn.modules.batchnorm._NormBase) and len(value.shape) == source.ndim:
        tracer.counted.append((frame.path, "num_features", channels[: value.shape[1]], "int"))


def layer_norm(tracer: Tracer, call: Call) -> None:
    """``native_layer_norm`` and ``rms_norm``: statistics over the last axis, of what is kept of it."""
    source, shape = call.args[:2]
    planes = tracer.separate(source, set(range(source.ndim - len(shape), source.ndim)))
    channels = tracer.labels(source, -1)
    if len(shape) > 1:
        for tensor in (source, *(v for v in call.args[2:4] if isinstance(v, Tensor))):
            for plane in tracer.separate(tensor, set(range(tensor.ndim - len(shape), tensor.ndim))):
                if any(axis >= tensor.ndim - len(shape) for axis in support(plane)):
                    tracer.sheet.freeze(plane, "normalised over several axes")
    for vector in call.args[2:4]:
        if isinstance(vector, Tensor):
            tracer.tie(channels, tracer.labels(vector, -1), _FIXED)
    if channels is not None:
        _state(tracer, (nn.LayerNorm, nn.RMSNorm), normalized_shape=(channels, "tuple"))
    tracer.norms.append(Norm(channels))
    tracer.assign(call.result[0] if isinstance(call.result, tuple) else call.result, planes)


def group_norm(tracer: Tracer, call: Call) -> None:
    """``native_group_norm``: many thin groups go whole, few wide ones lose the same positions each."""
    source, weight, bias = call.args[:3]
    groups = int(call.args[6])
    planes = tracer.separate(source, {1})
    channels, leaders = tracer.labels(source, 1), None
    for plane in planes:
        if support(plane) - {0, 1}:
            tracer.sheet.freeze(plane, "op 'group_norm' mixes this axis")
    for vector in (weight, bias):
        if isinstance(vector, Tensor):
            tracer.tie(channels, tracer.labels(vector, 0), _FIXED)
    if channels is not None:
        per_group = channels.reshape(groups, -1)
        whole = groups > 1 and groups >= per_group.shape[1]
        leaders = per_group[:, :1] if whole else per_group[:1]
        if groups > 1:
            tracer.sheet.unite(leaders, per_group, _FIXED)
        counts = {"num_channels": (channels, "int"), **({"num_groups": (leaders.flatten(), "int")} if whole else {})}
        _state(tracer, (nn.GroupNorm,), **counts)
        leaders = leaders.flatten() if whole else None
    tracer.norms.append(Norm(channels, leaders, axis=1))
    tracer.assign(call.result[0], planes)


def _state(tracer: Tracer, kinds: tuple[type[nn.Module], ...], **attributes: tuple[Tensor, str]) -> None:
    """Attributes of torch's own module that follow the labels; any other code states the size itself."""
    frame = tracer.recorder.stack[-1]
    for name, (labels, form) in attributes.items():
        if issubclass(frame.kind, kinds):
            tracer.counted.append((frame.path, name, labels, form))
        else:
            tracer.bake(labels, "a normalisation states this size")


NORMALISATION: Mapping[str, Rule] = {
    **dict.fromkeys(BATCH_NORMS, batch_norm),
    **dict.fromkeys(("native_layer_norm", "rms_norm", "_fused_rms_norm"), layer_norm),
    "native_group_norm": group_norm,
}
