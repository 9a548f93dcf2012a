"""Everything about a network that a visitor might disturb, taken before and compared after."""

from typing import Any

import torch
from torch import Tensor, nn

from cpruner.constraint.example import tensors


def picture(network: nn.Module, example_inputs: tuple[Any, ...]) -> dict[str, Any]:
    """Values by what they are, to be compared with ``same``."""
    modules = list(network.modules())
    return {
        "the weights or buffers": {name: tensor.clone() for name, tensor in network.state_dict().items()},
        "the gradients": [_clone(parameter.grad) for parameter in network.parameters()],
        "which parameters learn": [parameter.requires_grad for parameter in network.parameters()],
        "the training flags": [module.training for module in modules],
        "the attributes of a module": [sorted(vars(module)) for module in modules],
        "the class of a module": [type(module) for module in modules],
        "the hooks of a module": [
            (len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
            for module in modules
        ],
        "the example inputs": [tensor.clone() for tensor in tensors(example_inputs)],
        "the random state": torch.get_rng_state(),
        "the number of threads": torch.get_num_threads(),
        "the gradient mode": torch.is_grad_enabled(),
        "torch's fused attention": torch.backends.mha.get_fastpath_enabled(),
    }


def _clone(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()


def same(old: Any, new: Any) -> bool:
    """Whether two values are the same to the last bit."""
    if isinstance(old, Tensor):
        alike = isinstance(new, Tensor) and (old.device, old.dtype) == (new.device, new.dtype)
        return alike and torch.equal(old, new)
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple):
        return len(old) == len(new) and all(same(one, other) for one, other in zip(old, new, strict=True))
    return bool(old == new)
