"""Records dropout, which does nothing in eval mode, so that programs have it in training mode.

What a call says is taken from the call: the probability, also where the mode switches it off. Attention is only told
the probability of the mode it runs in; torch's own multi-head attention gives it away one level up, other modules in
their source (``modes``). The mode itself is taken to be that of the module whose code calls.
"""

import inspect
from typing import Any, final

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from cpruner.space.run.modes import attention_dropout
from cpruner.space.run.record import Recorder

_NAMES: dict[Any, str] = {
    functional.dropout: "F.dropout",
    functional.dropout1d: "F.dropout1d",
    functional.dropout2d: "F.dropout2d",
    functional.dropout3d: "F.dropout3d",
    functional.alpha_dropout: "F.alpha_dropout",
    functional.feature_alpha_dropout: "F.feature_alpha_dropout",
    torch.dropout: "F.dropout",
}
_MULTIHEAD = inspect.signature(functional.multi_head_attention_forward)


@final
class Drops(TorchFunctionMode):
    """Sees the calls of dropout and attention of a run in eval mode.

    Args:
        recorder: Receives them.
        model: The model that runs.
    """

    def __init__(self, recorder: Recorder, model: nn.Module) -> None:
        super().__init__()
        self._recorder = recorder
        self._modules = dict(model.named_modules())

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _NAMES:
            return self._drop(func, args, kwargs)
        if func is functional.multi_head_attention_forward:
            given = _MULTIHEAD.bind(*args, **kwargs).arguments
            with self._recorder.dropping(0.0 if given.get("training", True) else float(given["dropout_p"])):
                return func(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            module = self._modules.get(self._recorder.stack[-1].path)
            with self._recorder.dropping(attention_dropout(module) if module is not None else 0.0):
                return func(*args, **kwargs)
        return func(*args, **kwargs)

    def _drop(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Dropout that the mode switches off: another tensor of the same memory, in place of the same tensor."""
        given = {**dict(zip(("input", "p", "training", "inplace"), args, strict=False)), **kwargs}
        self._recorder.stack[-1].drops += 1
        if given.get("training", given.get("train", True)) or not given.get("p", 0.5):
            return func(*args, **kwargs)
        source, inplace = given["input"], bool(given.get("inplace", False))
        result = source if inplace else torch.ops.aten.alias.default(source)
        self._recorder.drop(_NAMES[func], source, float(given.get("p", 0.5)), result)
        return result
