"""Python text of a program.

A program may come from a file, so nothing in it becomes text as it is: numbers must be whole numbers, names must be
names or are written as string literals, ops must be ops.
"""

import keyword
from collections.abc import Callable
from typing import Any, final

import torch
from torch.nn import functional

from cpruner.candidate.form import name, refuse, whole, word
from cpruner.candidate.program import Node, Program
from cpruner.errors import ArtefactError

#: Functions a program may call beside the ops of ``torch.ops``.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "torch.tensor": torch.tensor,
    "F.layer_norm": functional.layer_norm,
    "F.group_norm": functional.group_norm,
    "F.scaled_dot_product_attention": functional.scaled_dot_product_attention,
    "F.dropout": functional.dropout,
    "F.dropout1d": functional.dropout1d,
    "F.dropout2d": functional.dropout2d,
    "F.dropout3d": functional.dropout3d,
    "F.alpha_dropout": functional.alpha_dropout,
    "F.feature_alpha_dropout": functional.feature_alpha_dropout,
}
_NAMESPACES = ("aten", "torchvision")
_KINDS = {"dtype": torch.dtype, "memory_format": torch.memory_format}


@final
class Source:
    """Writes the forward of one program.

    Args:
        program: Where it comes from does not matter: everything in it is looked at.
        suffix: Ends the names of the attributes that the text reads, so that programs can follow one another.

    Attributes:
        text: A function ``forward``.
        functions: What it calls, by the name it calls it by.
        modules: Paths of the inner modules it calls.
        tensors: Names of the parameters and buffers it reads.
        state: Names of the attributes it reads: what is kept of every labels, then the picks.

    Raises:
        ArtefactError: The program holds something that no trace writes.
    """

    def __init__(self, program: Program, suffix: str = "") -> None:
        self.functions: dict[str, Callable[..., Any]] = {}
        self.modules: list[str] = []
        self.tensors: list[str] = []
        self.state = [f"_kept_counts{suffix}", *(f"_pick{suffix}_{k}" for k in range(len(program.picks)))]
        self._program = program
        self._made = set[int]()
        self._called: dict[str, str] = {}
        self._checks: list[str] = []
        try:
            self.text = "\n".join([*self._head(), *self._body(), ""])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"candidate: expected a program, got {error!r:.200}. Use an undamaged copy.") from error

    def _head(self) -> list[str]:
        """Checks of a call, and names for its tensors."""
        program, who = self._program, word(self._program.module, "a module") or "the model"
        keywords = sorted(word(key, "a keyword") for key, _ in program.kwargs)
        lines = ["def forward(self, *args, **kwargs):", f"    n = self.{self.state[0]}"]
        lines.append(f"    expect({f'the number of arguments of {who}'!r}, {len(program.args)}, len(args))")
        lines.append(f"    expect({f'the keywords of {who}'!r}, {keywords!r}, sorted(kwargs))")
        for number, value in enumerate(program.args):
            lines += self._argument(value, f"args[{number}]", f"argument {number} of {who}")
        for key, value in program.kwargs:
            lines += self._argument(value, f"kwargs[{key!r}]", f"argument '{key}' of {who}")
        if program.batch is not None:
            number, dim = program.batch
            lines.append(f"    batch = {self._value(number)}.size({whole(dim, 'a dimension')})")
        return lines + self._checks

    def _argument(self, value: Any, place: str, what: str) -> list[str]:
        """Names for the tensors of one argument, and checks of what is not a tensor."""
        if not isinstance(value, tuple):
            return [f"    expect({what!r}, {_scalar(value)}, {place})"]
        tag, *rest = value or ("",)
        if tag == "v":
            return self._received(rest[0], place, what)
        if tag in ("list", "tuple"):
            lines = [f"    expect({f'the length of {what}'!r}, {len(rest)}, length({place}))"]
            parts = [(part, f"[{number}]") for number, part in enumerate(rest)]
        elif tag == "dict":
            keys = [_key(key) for key, _ in rest]
            lines = [f"    expect({f'the keys of {what}'!r}, [{', '.join(sorted(keys))}], keys({place}))"]
            parts = [(part, f"[{key}]") for key, (_, part) in zip(keys, rest, strict=True)]
        elif tag in (*_KINDS, "scaled", "dtype_of"):
            self._checks.append(f"    expect({what!r}, {self._text(value)}, {place})")
            return []
        else:
            return [] if tag in ("any", "device") else refuse("an argument", value)
        return lines + [line for part, index in parts for line in self._argument(part, place + index, what)]

    def _received(self, number: Any, place: str, what: str) -> list[str]:
        if whole(number, "a value") in self._made:
            return [f"    same({what!r}, v{number}, {place})"]
        self._made.add(number)
        return [f"    v{number} = tensor({what!r}, {place})"]

    def _body(self) -> list[str]:
        lines = [line for node in self._program.nodes for line in self._line(node)]
        return [*lines, f"    return {self._text(self._program.out)}"]

    def _line(self, node: Node) -> list[str]:
        keys = [key for key, _ in node.kwargs]
        if len({*keys}) < len(keys) or any(keyword.iskeyword(name(key, "a keyword")) for key in keys):
            refuse("distinct keywords", keys)
        arguments = [*map(self._text, node.args), *(f"{key}={self._text(value)}" for key, value in node.kwargs)]
        call = f"{self._callee(word(node.op, 'an op'))}({', '.join(arguments)})"
        return [f"    r = {call}", *self._results(node.out, "r")]

    def _results(self, out: Any, place: str) -> list[str]:
        if out is None:
            return []
        if not isinstance(out, tuple):
            self._made.add(whole(out, "a value"))
            return [f"    v{out} = {place}"]
        if out and out[0] == "dict":
            return [line for key, part in out[1:] for line in self._results(part, f"{place}[{_key(key)}]")]
        return [line for number, part in enumerate(out) for line in self._results(part, f"{place}[{number}]")]

    def _callee(self, op: str) -> str:
        if op == "pick":
            return op
        if op.startswith("module:") and op != "module:":
            self.modules.append(op.removeprefix("module:"))
            return _path(self.modules[-1].split("."))
        if op not in self._called:
            self._called[op] = f"f{len(self._called)}"
            self.functions[self._called[op]] = FUNCTIONS.get(op) or _op(op)
        return self._called[op]

    def _value(self, number: Any) -> str:
        if whole(number, "a value") not in self._made:
            refuse("values to be made before they are read", number)
        return f"v{number}"

    def _text(self, value: Any) -> str:
        """Python text of one argument."""
        if not isinstance(value, tuple):
            return _scalar(value)
        tag, *rest = value or ("",)
        writers: dict[Any, Callable[..., str]] = {
            "v": self._value,
            "w": self._tensor,
            "n": lambda place: f"n[{whole(place, 'a place of labels')}]",
            "size": lambda number, dim: f"{self._value(number)}.size({whole(dim, 'a dimension')})",
            "scaled": self._scaled,
            "groups": lambda x, weight: f"{self._text(x)}.size(1) // {self._text(weight)}.size(1)",
            "pick": lambda k: f"self.{self.state[1 + whole(k, 'a pick', len(self._program.picks))]}",
            "training": self._mode,
            "dropout": lambda p, path: f"({_probability(p)} if {self._mode(path)} else 0.0)",
            "dtype": lambda which: _constant("dtype", which),
            "memory_format": lambda which: _constant("memory_format", which),
            "device": lambda number: f"{self._value(number)}.device",
            "dtype_of": lambda number: f"{self._value(number)}.dtype",
            "list": lambda *parts: f"[{', '.join(map(self._text, parts))}]",
            "tuple": lambda *parts: f"({''.join(f'{self._text(part)}, ' for part in parts)})",
            "dict": lambda *pairs: f"{{{', '.join(f'{_key(key)}: {self._text(part)}' for key, part in pairs)}}}",
        }
        return writers[tag](*rest)

    def _tensor(self, path: str) -> str:
        *owners, own = word(path, "a tensor").split(".")
        self.tensors.append(path)
        owner = _path(owners)
        return f"{owner}.{own}" if own.isidentifier() and not keyword.iskeyword(own) else f"getattr({owner}, {own!r})"

    def _mode(self, path: Any) -> str:
        """Whether a module is in training mode: the one that runs the program, or one inside it."""
        parts = word(path, "a module").split(".") if path != "" else []
        self.modules += [path] if parts else []
        return f"{_path(parts)}.training"

    def _scaled(self, size: Any, examples: Any) -> str:
        if self._program.batch is None or not whole(examples, "a batch size"):
            refuse("a batch size", examples)
        return f"{self._text(size)} * batch // {examples}"


def _path(parts: list[str]) -> str:
    return "self" + "".join(f"._modules[{part!r}]" for part in parts)


def _scalar(value: Any) -> str:
    """A literal; of a subclass (an enumeration, a number of numpy) the plain value."""
    if value is None:
        return "None"
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__repr__(value)
    return refuse("a number or a string", value)


def _probability(value: Any) -> str:
    return repr(value) if type(value) is float and 0 <= value <= 1 else refuse("a probability", value)


def _key(value: Any) -> str:
    return _scalar(value) if isinstance(value, str | int) else refuse("a key", value)


def _constant(tag: str, which: Any) -> str:
    if not isinstance(getattr(torch, name(which, f"a {tag}"), None), _KINDS[tag]):
        refuse(f"a {tag} of torch", which)
    return f"torch.{which}"


def _op(op: str) -> Callable[..., Any]:
    """An op of torch, but none that writes or maps a file."""
    found: Any = torch.ops
    namespace, *rest = op.split(".")
    if namespace in _NAMESPACES and len(rest) == 2:
        for part in (namespace, *rest):
            found = getattr(found, part, None)
    if not isinstance(found, torch._ops.OpOverload):
        raise ArtefactError(
            f"candidate: expected an op of this torch, got {op!r:.200}. Use the torch it was made with."
        )
    if any(argument.name == "filename" for argument in found._schema.arguments):
        refuse("an op that opens no file", op)
    return found
