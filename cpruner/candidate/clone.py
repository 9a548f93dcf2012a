"""Copy a tree of modules around tensors that are already there.

``copy.deepcopy`` looks at every attribute of every module with care; nearly all are numbers, strings and empty hook
tables, for which a shallow look is enough. Anything else is still given to ``copy.deepcopy``.
"""

import copy
from collections import Counter, OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn

_ATOMS = frozenset(
    (
        *(int, float, bool, str, bytes, complex, type(None), type, type(...)),
        *(FunctionType, BuiltinFunctionType, torch.dtype, torch.device, torch.Size),
    )
)
_TABLES = frozenset((dict, OrderedDict, list, set))
_STORES = ("_parameters", "_buffers", "_modules")


class Template:
    """What has to be looked at when a network is copied; found once, used for many copies.

    Args:
        model: The network; its modules are to stay, their attributes may change.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        kinds: dict[nn.Module, Any] = {module: type(module) for module in model.modules()}
        plain = [module for module, kind in kinds.items() if not _special(kind)]
        shared = _shared(plain)
        # inner modules first: a module that copies itself (fx.GraphModule) looks into them
        self._parts = [(module, type(module), *_keys(module, shared)) for module in reversed(plain)]

    def copy(self, memo: dict[int, Any]) -> nn.Module:
        """A deep copy.

        Args:
            memo: New tensor by ``id`` of the old one, for every parameter and buffer. Receives what is copied, as the
                memo of ``copy.deepcopy`` does.
        """
        for module, kind, _, _ in self._parts:
            memo[id(module)] = kind.__new__(kind)
        for module, _, tables, others in self._parts:
            state = module.__dict__.copy()
            for key in tables:
                value = state[key]
                state[key] = _copied(value, memo) if value else type(value)()
            for key in others:
                state[key] = _copied(state[key], memo)
            object.__setattr__(memo[id(module)], "__dict__", state)
        if id(self._model) not in memo:
            memo[id(self._model)] = copy.deepcopy(self._model, memo)
        result: nn.Module = memo[id(self._model)]
        return result


def clone(model: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A deep copy of ``model`` around the tensors in ``memo``; see ``Template.copy``."""
    return Template(model).copy(memo)


def _shared(modules: Sequence[nn.Module]) -> set[int]:
    """Tables that several modules hold, by ``id``: one module may write there what another reads."""
    tables = [id(value) for module in modules for value in module.__dict__.values() if type(value) in _TABLES]
    return {place for place, count in Counter(tables).items() if count > 1}


def _keys(module: nn.Module, shared: set[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Attributes that are empty tables, and attributes that have to be copied with care."""
    items = module.__dict__.items()
    tables = tuple(key for key, value in items if type(value) in _TABLES and not value and id(value) not in shared)
    others = tuple(key for key, value in items if type(value) not in _ATOMS and key not in tables)
    return tables, others


@lru_cache(maxsize=4096)
def _special(kind: Any) -> bool:
    """Whether a class says itself how it is copied; what torch's own layers say is about old files only."""
    if hasattr(kind, "__deepcopy__") or issubclass(kind, nn.RNNBase):
        return True
    owners = [next((c for c in kind.__mro__ if name in vars(c)), object) for name in ("__setstate__", "__getstate__")]
    return any(owner is not object and not owner.__module__.startswith("torch.nn.modules") for owner in owners)


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    kind = type(value)
    if id(value) in memo:
        return memo[id(value)]
    if kind is dict:
        memo[id(value)] = table = dict[Any, Any]()
        table.update((key, part if type(part) in _ATOMS else _copied(part, memo)) for key, part in value.items())
        return table
    if kind is list:
        memo[id(value)] = parts = list[Any]()
        parts.extend(part if type(part) in _ATOMS else _copied(part, memo) for part in value)
        return parts
    if kind is tuple:
        return tuple(part if type(part) in _ATOMS else _copied(part, memo) for part in value)
    if isinstance(value, Tensor) and not value.is_leaf:
        memo[id(value)] = value.detach().clone()
    return copy.deepcopy(value, memo)


def rebuilt(old: Tensor, value: Tensor) -> Tensor:
    """``value`` as what ``old`` is: a parameter with its flags and attributes, or a tensor."""
    if type(old) is Tensor or not isinstance(old, nn.Parameter):
        return value
    new: Tensor = nn.Parameter(value, requires_grad=old.requires_grad)
    if old.__dict__:
        new.__dict__.update(old.__dict__)
    return new
