"""Gives a module of the smaller network a program instead of its own forward code."""

import contextlib
import copy
import copyreg
import inspect
import math
import pickle
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate.candidate import Candidate
from cpruner.candidate.form import refuse
from cpruner.candidate.program import Pick, Program
from cpruner.candidate.source import FUNCTIONS, Source
from cpruner.errors import ArtefactError, InputError

__all__ = ["FUNCTIONS", "expect", "install", "pick"]

_REMEDY = "Call it as in the forward pass that was traced, or trace again."


def install(module: nn.Module, program: Program, candidate: Candidate, device: torch.device | None = None) -> None:
    """Replace the forward of ``module`` by a program, for the widths of one candidate.

    The module keeps its class as a base, its attributes, children and the names of its tensors.

    Args:
        module: What is going to run the program.
        program: What it is to do.
        candidate: How much is kept.
        device: Where the network is; a module with tensors of its own says that itself.

    Raises:
        ArtefactError: The program names an op that this torch does not have, or a part that the module does not have.
    """
    kind: Any = type(module)
    replaced: Any = _replaced(kind, program)
    for path in replaced._source.modules:
        _inner(module, path.split("."))
    for name in replaced._source.tensors:
        _owned(module, name)
    counts = {place: len(candidate.indices(place)) for place in program.labels()}
    device = next((tensor.device for tensor in chain(module.parameters(), module.buffers())), device)
    picks = (_index(candidate, entry) for entry in program.picks)
    values = [counts, *(index.to(device) if isinstance(index, Tensor) else index for index in picks)]
    module.__class__ = replaced
    _adopt(module, dict(zip(replaced._source.state, values, strict=True)))


def _adopt(module: nn.Module, state: Mapping[str, Any]) -> None:
    """Give a module what its program reads."""
    if isinstance(module, nn.MultiheadAttention):
        module._qkv_same_embed_dim = False  # keeps torch's encoder layers from their fused kernel for equal widths
    for name, value in state.items():
        if isinstance(value, Tensor):
            module.register_buffer(name, value, persistent=False)
        else:
            setattr(module, name, value)


def _inner(module: nn.Module, path: list[str]) -> nn.Module:
    for part in path:
        found = module._modules.get(part)
        if found is None:
            raise ArtefactError(
                f"model: expected a module '{'.'.join(path)}' inside a {type(module).__name__}, got none. "
                "The candidate was made for another model."
            )
        module = found
    return module


def _owned(module: nn.Module, name: str) -> None:
    *path, own = name.split(".")
    owner = _inner(module, path)
    if not isinstance({**owner.__dict__, **owner._buffers, **owner._parameters}.get(own), Tensor):
        raise ArtefactError(f"model: expected a tensor '{name}', got none. The candidate was made for another model.")


def _index(candidate: Candidate, pick: Pick) -> Tensor | tuple[int, int]:
    """Where the wanted indices are among the kept ones: a tensor, or (start, length) where they are neighbours."""
    alive = torch.zeros(len(candidate.plan.labels[pick.source]), dtype=torch.int64)
    alive[torch.from_numpy(candidate.indices(pick.source))] = 1
    wanted = torch.tensor(pick.positions, dtype=torch.int64)[torch.from_numpy(candidate.indices(pick.target))]
    if not bool(alive[wanted].all()):
        refuse("picks of what is kept", pick)
    index = alive.cumsum(0)[wanted] - 1
    first = int(index[0]) if len(index) else 0
    if torch.equal(index, torch.arange(first, first + len(index))):
        return first, len(index)
    return index


def pick(value: Tensor, dim: int, index: Tensor | tuple[int, int]) -> Tensor:
    """Indices of one axis; a view where they are neighbours."""
    return value.index_select(dim, index) if isinstance(index, Tensor) else value.narrow(dim, *index)


def expect(what: str, expected: Any, got: Any) -> None:
    """Refuse a call that differs from the recorded one.

    Raises:
        InputError: Another number of arguments, another keyword or another setting.
    """
    both_nan = isinstance(expected, float) and isinstance(got, float) and math.isnan(expected) and math.isnan(got)
    if isinstance(got, Tensor) or not (both_nan or bool(expected == got)):
        raise InputError(what, expected=expected, got=_brief(got), remedy=_REMEDY)


def tensor(what: str, got: Any) -> Tensor:
    """A tensor where the recorded call had one."""
    if isinstance(got, Tensor):
        return got
    raise InputError(what, expected="a tensor", got=_brief(got), remedy=_REMEDY)


def same(what: str, first: Tensor, got: Any) -> None:
    """Refuse two different tensors where the recorded call had the same tensor twice."""
    if got is not first and not (isinstance(got, Tensor) and torch.equal(first, got)):
        raise InputError(what, expected="the tensor that is given before it too", got=_brief(got), remedy=_REMEDY)


def length(got: Any) -> int | str:
    """Number of entries of a list or tuple; of anything else its kind."""
    return len(got) if isinstance(got, list | tuple) else _brief(got)


def keys(got: Any) -> list[Any] | str:
    """Keys of a mapping, in the order of their texts; of anything else its kind."""
    return sorted(got, key=repr) if isinstance(got, Mapping) else _brief(got)


def _brief(got: Any) -> str:
    if isinstance(got, Tensor):
        return f"a tensor of shape {tuple(got.shape)}"
    return repr(got) if isinstance(got, bool | int | float | str | list | None) else f"a {type(got).__name__}"


@lru_cache(maxsize=1024)
def _replaced(kind: Any, program: Program) -> type[nn.Module]:
    """The class of a module that runs a program; its base is the class it had."""
    programs = (*getattr(kind, "_programs", ()), program)
    base = getattr(kind, "_base", kind)
    source, forward = _compiled(program, "" if len(programs) == 1 else f"_{len(programs)}")

    def deepcopy(self: nn.Module, memo: dict[int, Any]) -> nn.Module:
        twin: nn.Module = kind.__deepcopy__(self, memo)
        if type(twin) is not type(self):  # fx.GraphModule makes a class of its own, which knows nothing of programs
            outer: Any = type(twin)
            twin.__class__ = _replaced(outer, program)
            _adopt(twin, {name: copy.deepcopy(getattr(self, name), memo) for name in source.state})
        return twin

    def reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
        maker, _, *rest = kind.__reduce_ex__(self, max(2, int(protocol)))
        if maker not in (copyreg.__newobj__, revive):  # type: ignore[attr-defined]
            raise pickle.PicklingError(f"a {kind.__name__} with a program cannot be pickled; use save_artefact")
        return (revive, (base, programs), *rest)

    methods = {
        "forward": _signed(forward, kind),
        "__reduce_ex__": reduce,
        **({"__deepcopy__": deepcopy} if _copies(kind) else {}),
    }
    own = {"_base": base, "_programs": programs}
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), {**methods, **names, "_source": source, **own})


def _signed(forward: FunctionType, kind: Any) -> FunctionType:
    """The same function with the signature of the code it stands for: exporters name and bind inputs by it."""
    function = FunctionType(forward.__code__, forward.__globals__)
    with contextlib.suppress(TypeError, ValueError):
        function.__signature__ = inspect.signature(kind.forward)  # type: ignore[attr-defined]
    return function


def _copies(kind: Any) -> bool:
    return hasattr(kind, "__deepcopy__")


def revive(kind: Any, programs: tuple[Program, ...]) -> Any:
    """An empty module that runs the last of some programs, for ``pickle`` to fill."""
    for program in programs:
        kind = _replaced(kind, program)
    return kind.__new__(kind)


@lru_cache(maxsize=1024)
def _compiled(program: Program, suffix: str) -> tuple[Source, FunctionType]:
    source = Source(program, suffix)
    names: dict[str, Any] = {**_RUNTIME, **source.functions}
    code = compile(source.text, f"<program of {program.module!r}>", "exec")
    exec(code, names)  # noqa: S102 -- literals, whole numbers, checked names and known ops: see Source
    function: FunctionType = names["forward"]
    return source, function


_RUNTIME: dict[str, Any] = {
    **{function.__name__: function for function in (pick, expect, tensor, same, length, keys)},
    "torch": torch,
    "inf": math.inf,
    "nan": math.nan,
}
