"""What a forward pass did, module by module: the raw material of the programs that replace a module's own code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from cpruner.candidate import named_tensors
from cpruner.space.label import Planes

#: Ops that only change the shape.
VIEWS = ("view", "_unsafe_view", "_reshape_alias", "reshape")


@dataclass(eq=False)
class Value:
    """A tensor that was seen: its shape, its labels once known, its names if it is the model's own, who made it.

    ``doubts`` are labels that have to stay if anyone reads this tensor, with the reason. ``numbers`` are what is in it,
    in nested lists, if it is a small constant that the code writes down.
    """

    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    planes: Planes | None = None
    maker: "Entry | None" = None
    doubts: list[tuple[Tensor, str]] = field(default_factory=list)
    dtype: torch.dtype | None = None
    numbers: Any = None


@dataclass(frozen=True)
class Opaque:
    """An argument that a program cannot hold."""

    kind: str


@dataclass(frozen=True)
class Training:
    """An argument: whether the module at a path is in training mode."""

    path: str


@final
class Dropped:
    """The op of a dropout in eval mode."""

    overloadpacket = SimpleNamespace(__name__="dropout")

    def __call__(self, tensor: Tensor, *_: Any) -> Tensor:
        """Nothing happens."""
        return tensor


@dataclass(eq=False)
class Entry:
    """One op: its full name (``aten.relu.default``), arguments and results with values in place of tensors.

    ``dropout`` is what attention drops of the weights that this op makes, and when.
    """

    op: str
    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    dropout: tuple[float, Training] | None = None

    @property
    def packet(self) -> str:
        """Name of the op without namespace, overload and in-place underscore."""
        return str(self.function.overloadpacket.__name__).removesuffix("_")


@dataclass(eq=False)
class Frame:
    """One run of a module: the call, what happened inside in order, and sizes stated there in Python code.

    Inside an opaque frame, that of a module with a rule of its own, values have no labels. ``drops`` counts the calls
    of dropout.
    """

    path: str
    kind: type[nn.Module]
    args: Any = ()
    kwargs: Any = None
    out: Any = None
    entries: list["Entry | Frame"] = field(default_factory=list)
    baked: list[tuple[Tensor, str]] = field(default_factory=list)
    opaque: bool = False
    drops: int = 0


#: Ops that make attention weights, of which dropout takes some.
_WEIGHTS = frozenset(
    (
        "_softmax",
        "_safe_softmax",
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention",
        "_scaled_dot_product_fused_attention_overrideable",
    )
)


_INDEXING, _FEW = ("index", "index_put", "_unsafe_index", "_unsafe_index_put", "_index_put_impl"), 64


class Recorder:
    """Turns ops and module calls into entries and frames.

    Args:
        model: The network that is going to run.
    """

    def __init__(self, model: nn.Module) -> None:
        self.root = Frame("", type(model))
        self.stack: list[Frame] = [self.root]
        self.frames: list[Frame] = [self.root]
        self._dropping = 0.0
        self._values = WeakTensorKeyDictionary()
        self._names: dict[int, tuple[str, ...]] = {}
        self._owned: list[Tensor] = []
        for name, tensor in named_tensors(model):
            self._names[id(tensor)] = (*self._names.get(id(tensor), ()), name)
            self._owned.append(tensor)

    def value(self, tensor: Tensor) -> Value:
        """The value of a tensor; the same tensor always has the same."""
        if tensor not in self._values:
            names = self._names.get(id(tensor), ())
            self._values[tensor] = Value(tuple(tensor.shape), names, dtype=tensor.dtype)
        found: Value = self._values[tensor]
        return found

    def owns(self, name: str) -> bool:
        """Whether the model has a parameter or buffer of this name."""
        return any(name in names for names in self._names.values())

    def note(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Write down one op that has just run."""
        self._hold(function, args)
        arguments = self.encode(args), self.encode(kwargs)
        function = self._renewed(function, args)
        entry = Entry(str(function), function, *arguments, self.encode(result))
        if self._dropping and function.overloadpacket.__name__ in _WEIGHTS:
            entry.dropout = self._dropping, Training(self.stack[-1].path)
        for value in values_of(entry.out):
            if value.maker is None and not value.names and value not in values_of((entry.args, entry.kwargs)):
                value.maker = entry
        self.stack[-1].entries.append(entry)

    def _hold(self, function: Any, args: Any) -> None:
        """Keep the numbers of small constants: of ``torch.tensor`` and of lists of indices, which no op makes."""
        name = function.overloadpacket.__name__.removesuffix("_")
        found = args[:1] if name == "lift_fresh" else args[1] if name in _INDEXING else ()
        for tensor in found:
            if isinstance(tensor, Tensor) and tensor.numel() <= _FEW and not tensor.is_meta:
                value = self.value(tensor)
                if value.maker is None and not value.names:
                    value.numbers = tensor.tolist()

    @contextmanager
    def dropping(self, probability: float) -> Iterator[None]:
        """Attention inside drops its weights in training mode."""
        before, self._dropping = self._dropping, probability
        try:
            yield
        finally:
            self._dropping = before

    def drop(self, name: str, source: Tensor, probability: float, result: Tensor) -> None:
        """Write down a dropout, in place of the alias that was taken where it makes another tensor."""
        entries, inplace = self.stack[-1].entries, result is source
        arguments = (self.value(source), probability, Training(self.stack[-1].path), inplace)
        entry = Entry(name, Dropped(), arguments, {}, self.value(result))
        if not inplace:
            entries.pop()
            self.value(result).maker = entry
        entries.append(entry)

    def _renewed(self, function: Any, args: Any) -> Any:
        """A tensor whose shape was changed in place is another value now, as if the op had made a new tensor."""
        tensor = args[0] if args and isinstance(args[0], Tensor) else None
        if tensor is None or self.value(tensor).shape == tuple(tensor.shape):
            return function
        self._values[tensor] = Value(tuple(tensor.shape), planes=self.value(tensor).planes)
        packet = getattr(torch.ops.aten, function.overloadpacket.__name__.removesuffix("_"))
        overloads = packet.overloads()
        return getattr(packet, function._overloadname if function._overloadname in overloads else overloads[0])

    def enter(self, path: str, kind: type[nn.Module]) -> None:
        """A module starts."""
        frame = Frame(path, kind)
        self.stack[-1].entries.append(frame)
        self.stack.append(frame)
        self.frames.append(frame)

    def leave(self, args: Any, kwargs: Any, out: Any) -> None:
        """The innermost module has ended."""
        frame = self.stack.pop()
        frame.args, frame.kwargs, frame.out = self.encode(args), self.encode(kwargs), self.encode(out)

    def finish(self, args: Any, kwargs: Any, out: Any) -> None:
        """The model itself has ended."""
        root = self.root
        root.args, root.kwargs, root.out = self.encode(args), self.encode(kwargs), self.encode(out)
        for value in values_of((root.args, root.kwargs)):
            value.numbers = None  # an input, not a constant

    def encode(self, argument: Any) -> Any:
        """The same structure with values in place of tensors."""
        if isinstance(argument, Tensor):
            return self.value(argument)
        if isinstance(argument, list):
            return [self.encode(part) for part in argument]
        if isinstance(argument, tuple):
            return tuple(self.encode(part) for part in argument)
        if isinstance(argument, Mapping):
            return {key: self.encode(part) for key, part in argument.items()}
        if argument is None or isinstance(
            argument, bool | int | float | str | torch.dtype | torch.device | torch.layout | torch.memory_format
        ):
            return argument
        return Opaque(type(argument).__name__)


def values_of(argument: Any) -> list[Value]:
    """All values in a nested argument, in order."""
    if isinstance(argument, Value):
        return [argument]
    if isinstance(argument, Mapping):
        argument = list(argument.values())
    if isinstance(argument, list | tuple):
        return [value for part in argument for value in values_of(part)]
    return []
