"""Integer attributes that torch's own modules keep beside their tensors; stale ones confuse people and exporters."""

from collections.abc import Mapping

from torch import nn

_NORM = {("running_mean", 0): ("num_features",), ("weight", 0): ("num_features",)}

#: Module class -> (tensor, axis) -> attributes equal to the length of that axis.
_ATTRIBUTES: Mapping[type[nn.Module], Mapping[tuple[str, int], tuple[str, ...]]] = {
    nn.Linear: {("weight", 0): ("out_features",), ("weight", 1): ("in_features",)},
    nn.Conv1d: {("weight", 0): ("out_channels",), ("weight", 1): ("in_channels",)},
    nn.Conv2d: {("weight", 0): ("out_channels",), ("weight", 1): ("in_channels",)},
    nn.Conv3d: {("weight", 0): ("out_channels",), ("weight", 1): ("in_channels",)},
    nn.ConvTranspose1d: {("weight", 0): ("in_channels",), ("weight", 1): ("out_channels",)},
    nn.ConvTranspose2d: {("weight", 0): ("in_channels",), ("weight", 1): ("out_channels",)},
    nn.ConvTranspose3d: {("weight", 0): ("in_channels",), ("weight", 1): ("out_channels",)},
    nn.modules.batchnorm._NormBase: _NORM,
    nn.RNNBase: {
        ("weight_ih_l0", 1): ("input_size",),
        ("weight_hh_l0", 1): ("hidden_size", "proj_size"),  # whichever it is: with projections they differ
        ("weight_hr_l0", 1): ("hidden_size",),
    },
    nn.RNNCellBase: {("weight_ih", 1): ("input_size",), ("weight_hh", 1): ("hidden_size",)},
    nn.Embedding: {("weight", 1): ("embedding_dim",)},
    nn.EmbeddingBag: {("weight", 1): ("embedding_dim",)},
    nn.PReLU: {("weight", 0): ("num_parameters",)},
}


def attributes_of(module: nn.Module | None, tensor: str, axis: int) -> tuple[str, ...]:
    """Attributes of ``module`` that count the indices of one axis of one of its tensors."""
    for kind, table in _ATTRIBUTES.items():
        if isinstance(module, kind):
            return table.get((tensor, axis), ())
    return ()
