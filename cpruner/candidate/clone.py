"""Copy a tree of modules around tensors that are already there.

``copy.deepcopy`` looks at every attribute of every module with care; nearly all are numbers, strings and empty hook
tables, for which a shallow look is enough. Anything else is still given to ``copy.deepcopy``.
"""

import copy
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from types import BuiltinFunctionType, FunctionType
from typing import Any, final

import torch
from torch import Tensor, nn

_ATOMS = frozenset(
    (
        *(int, float, bool, str, bytes, complex, type(None), type, type(...)),
        *(FunctionType, BuiltinFunctionType, torch.dtype, torch.device, torch.Size),
    )
)
_TABLES = frozenset((dict, OrderedDict, list, set))
_PARAMETER = torch.Tensor._make_subclass
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
        self._shared = _shared(plain)
        self._layouts: dict[Any, _Layout] = {}
        # inner modules first: a module that copies itself (fx.GraphModule) looks into them
        self._parts = [(module, type(module), *self._look(module)) for module in reversed(plain)]

    def copy(self, memo: dict[int, Any]) -> nn.Module:
        """A deep copy.

        Args:
            memo: New tensor by ``id`` of the old one, for every parameter and buffer. Receives what is copied, as the
                memo of ``copy.deepcopy`` does.
        """
        memo[id(None)] = None  # absent tensors are found like the others
        for module, kind, _, _ in self._parts:
            memo[id(module)] = kind.__new__(kind)
        for module, _, layout, constants in self._parts:
            state = module.__dict__.copy()
            if len(state) == layout.size:
                layout.renew(state, constants, memo)
            else:  # it has been given attributes since
                fresh, constants_now = self._look(module)
                fresh.renew(state, constants_now, memo)
            object.__setattr__(memo[id(module)], "__dict__", state)
        if id(self._model) not in memo:
            memo[id(self._model)] = copy.deepcopy(self._model, memo)
        result: nn.Module = memo[id(self._model)]
        return result

    def _look(self, module: nn.Module) -> tuple["_Layout", tuple[Any, ...]]:
        """Which attributes of a module are what, and those that may be shared with a copy.

        Modules that look alike have one layout: it stays in the cache while a network is copied.
        """
        state = module.__dict__
        roles = tuple((key, _role(key, value, id(value) in self._shared)) for key, value in state.items())
        if roles not in self._layouts:
            self._layouts[roles] = _Layout(roles)
        layout = self._layouts[roles]
        return layout, tuple(state[key] for key in layout.constants)


@final
class _Layout:
    """The attributes of a module by what has to be done with them.

    Args:
        roles: Attribute and role of each.
    """

    def __init__(self, roles: Sequence[tuple[str, str]]) -> None:
        def having(role: str) -> tuple[str, ...]:
            return tuple(key for key, own in roles if own == role)

        self.size = len(roles)
        self.empty, self.stores = having("empty"), having("store")
        self.constants, self.others = having("constant"), having("other")
        self._tables: Callable[[Any], tuple[Any, ...]] = (
            itemgetter(*self.empty) if len(self.empty) > 1 else lambda state: tuple(state[key] for key in self.empty)
        )

    def renew(self, state: dict[str, Any], constants: Sequence[Any], memo: dict[int, Any]) -> None:
        """Replace in a shallow copy of the attributes what must not be shared.

        Args:
            state: The attributes.
            constants: What the constants were; one that has been replaced since is looked at anew.
            memo: As of ``copy.deepcopy``.
        """
        tables = self._tables(state)
        if any(tables):
            state.update({key: _copied(table, memo) for key, table in zip(self.empty, tables, strict=True)})
        else:
            state.update(zip(self.empty, [type(table)() for table in tables], strict=True))
        for key in self.stores:
            store = state[key]
            try:
                filled = {name: memo[id(part)] for name, part in store.items()}
            except KeyError:
                filled = _copied(store, memo)
            memo[id(store)] = state[key] = filled if type(store) is dict else type(store)(filled)
        for key, constant in zip(self.constants, constants, strict=True):
            if state[key] is not constant:
                state[key] = _copied(state[key], memo)
        for key in self.others:
            state[key] = _copied(state[key], memo)


def _role(key: str, value: Any, shared: bool) -> str:
    """What an attribute is: atom, empty table, constant (a tuple of atoms), store of tensors or modules, or other."""
    kind = type(value)
    if kind in _ATOMS:
        return "atom"
    if kind in _TABLES and not value and not shared:
        return "empty"
    if kind is tuple and all(type(part) in _ATOMS for part in value):
        return "constant"
    return "store" if key in _STORES and kind is dict and not shared else "other"


def clone(model: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A deep copy of ``model`` around the tensors in ``memo``; see ``Template.copy``."""
    return Template(model).copy(memo)


def _shared(modules: Sequence[nn.Module]) -> set[int]:
    """Tables that several modules hold, by ``id``: one module may write there what another reads."""
    tables = [id(value) for module in modules for value in module.__dict__.values() if type(value) in _TABLES]
    return {place for place, count in Counter(tables).items() if count > 1}


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
    kind = type(old)
    if kind is Tensor or not (kind is nn.Parameter or isinstance(old, nn.Parameter)):
        return value
    if kind is nn.Parameter and type(value) is Tensor:
        new: Tensor = _PARAMETER(nn.Parameter, value, old.requires_grad)  # what nn.Parameter does, without its checks
    else:
        new = nn.Parameter(value, requires_grad=old.requires_grad)
    if old.__dict__:
        new.__dict__.update(old.__dict__)
    return new
