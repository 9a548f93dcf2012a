"""The static plan of surgery: which index of which tensor axis belongs to which removable units.

A *unit* is a set of slices that can only be removed together (one channel, wherever it appears). Units are numbered
0..U-1, group after group; FIXED (-1) marks an index that always stays. The plan is plain data: it travels with every
candidate, so a saved candidate can be cut out of a freshly built network without tracing it again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cpruner.candidate.form import name, refuse, whole, wholes, word
from cpruner.candidate.program import Program
from cpruner.errors import ArtefactError

_LARGEST = 2**40

#: Unit of an index that always stays.
FIXED = -1


@dataclass(frozen=True)
class Labels:
    """Units along one axis: index i stays when ``factors[f][i]`` stays for every f.

    One factor is the rule. The rows of an attention projection have two: the head and the dimension inside it.
    """

    factors: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.factors[0])

    @cached_property
    def units_FN(self) -> NDArray[np.int64]:
        """The factors as an array of shape (F, N)."""
        return np.asarray(self.factors, dtype=np.int64)


@dataclass(frozen=True)
class Units:
    """The whole table of labels laid end to end.

    Args:
        offsets: Where every entry begins, and the length of all.
        first: The first factor of every index.
        further: For every further factor: positions of the entries that have one, and their units.
    """

    offsets: NDArray[np.int64]
    first: NDArray[np.int64]
    further: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]

    @classmethod
    def of(cls, labels: tuple[Labels, ...]) -> "Units":
        """Lay out a table."""
        offsets = np.concatenate([[0], np.cumsum([len(entry) for entry in labels], dtype=np.int64)])
        first = np.concatenate([np.zeros(0, dtype=np.int64), *(entry.units_FN[0] for entry in labels)])
        deepest = max((len(entry.factors) for entry in labels), default=1)
        further = []
        for factor in range(1, deepest):
            having = [n for n, entry in enumerate(labels) if len(entry.factors) > factor]
            rows = np.concatenate([np.arange(offsets[n], offsets[n + 1]) for n in having])
            further.append((rows, np.concatenate([labels[n].units_FN[factor] for n in having])))
        return cls(offsets, first, tuple(further))


@dataclass(frozen=True)
class Cut:
    """One axis of one parameter or buffer; ``labels`` is a place in the plan's table of labels."""

    tensor: str
    axis: int
    labels: int


@dataclass(frozen=True)
class Size:
    """An attribute of a module that counts what stays (``out_channels``, ``groups``, ...).

    ``form`` says how it is kept: ``int``, or ``tuple`` for a tuple of one number (``normalized_shape``).
    """

    module: str
    attribute: str
    labels: int
    form: str = "int"


@dataclass(frozen=True)
class Plan:
    """Everything surgery needs to know.

    Args:
        names: Group names in network order.
        sizes: Units per group.
        labels: Table of the label vectors that the rest refers to by number.
        cuts: Tensor axes that shrink, at most one entry per axis.
        attributes: Module attributes to patch.
        programs: Modules whose own code states sizes, and the code they get instead.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    labels: tuple[Labels, ...]
    cuts: tuple[Cut, ...]
    attributes: tuple[Size, ...] = ()
    programs: tuple[Program, ...] = ()

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """First unit of every group, and the number of units at the end."""
        return np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])

    @cached_property
    def units(self) -> Units:
        """The table of labels as arrays."""
        return Units.of(self.labels)

    @cached_property
    def cuts_of(self) -> dict[str, tuple[Cut, ...]]:
        """The cuts of every tensor that has some."""
        found: dict[str, tuple[Cut, ...]] = {}
        for cut in self.cuts:
            found[cut.tensor] = (*found.get(cut.tensor, ()), cut)
        return found

    @cached_property
    def groups_of(self) -> tuple[frozenset[int], ...]:
        """Groups that occur in every entry of the table of labels."""
        numbers = [np.unique(labels.units_FN[labels.units_FN != FIXED]) for labels in self.labels]
        return tuple(
            frozenset((np.searchsorted(self.offsets, number, side="right") - 1).tolist()) for number in numbers
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the whole plan: two networks with the same structure share it."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return {
            "names": list(self.names),
            "sizes": list(self.sizes),
            "labels": [[list(factor) for factor in labels.factors] for labels in self.labels],
            "cuts": [asdict(cut) for cut in self.cuts],
            "attributes": [asdict(size) for size in self.attributes],
            "programs": [program.to_dict() for program in self.programs],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Inverse of ``to_dict``.

        Raises:
            ArtefactError: A key is missing or has the wrong form.
        """
        try:
            plan = cls(
                names=tuple(data["names"]),
                sizes=tuple(data["sizes"]),
                labels=tuple(Labels(tuple(tuple(factor) for factor in factors)) for factors in data["labels"]),
                cuts=tuple(Cut(c["tensor"], c["axis"], c["labels"]) for c in data["cuts"]),
                attributes=tuple(Size(a["module"], a["attribute"], a["labels"], a["form"]) for a in data["attributes"]),
                programs=tuple(Program.from_dict(program) for program in data["programs"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"damaged surgery plan: {error!r}; expected the 'plan' of a candidate.json.") from error
        _check(plan)
        return plan


def _check(plan: Plan) -> None:
    """Refuse a plan from a file that says what no trace says.

    Raises:
        ArtefactError: Naming the first thing that is wrong.
    """
    if len(plan.names) != len(plan.sizes) or len({word(name, "a group") for name in plan.names}) < len(plan.names):
        refuse("one size for every group, and distinct names", plan.names)
    wholes([plan.sizes], "sizes of groups", 1, _LARGEST)
    _check_labels(plan)
    for cut in plan.cuts:
        word(cut.tensor, "a tensor")
        whole(cut.axis, "an axis")
    for size in plan.attributes:
        word(size.module, "a module")
        name(size.attribute, "an attribute")
        if size.form not in ("int", "tuple"):
            refuse("a count in the form int or tuple", size.form)
    for program in plan.programs:
        _check_program(program, [len(entry) for entry in plan.labels])


def _check_labels(plan: Plan) -> None:
    for entry in plan.labels:
        if len({len(factor) for factor in entry.factors}) != 1:
            refuse("labels with factors of one length", entry)
        wholes(entry.factors, "labels", FIXED, sum(plan.sizes))
    for place in (*(cut.labels for cut in plan.cuts), *(size.labels for size in plan.attributes)):
        whole(place, "a place of labels", len(plan.labels))


def _check_program(program: Program, lengths: Sequence[int]) -> None:
    word(program.module, "a module")
    for place in program.labels():
        whole(place, "a place of labels", len(lengths))
    for pick in program.picks:
        wholes([pick.positions], "positions of a pick", 0, lengths[pick.source])
        if len(pick.positions) != lengths[pick.target]:
            refuse(f"{lengths[pick.target]} positions of a pick", len(pick.positions))
