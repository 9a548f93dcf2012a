"""Every tensor that a network holds, by name."""

from torch import Tensor, nn


def named_tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Every name of every parameter, buffer and plain tensor attribute."""
    found: list[tuple[str, Tensor]] = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    for path, module in model.named_modules(remove_duplicate=False):
        plain = [(key, value) for key, value in module.__dict__.items() if isinstance(value, Tensor)]
        found += [(f"{path}.{key}" if path else key, value) for key, value in plain]
    return found
