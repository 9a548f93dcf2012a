"""The static plan of surgery: which index of which tensor axis belongs to which removable unit.

A *unit* is a set of slices that can only be removed together (one channel, wherever it appears). Units are numbered
0..U-1, group after group; FIXED (-1) marks an index that always stays. The plan is plain data: it travels with every
candidate, so a saved candidate can be cut out of a freshly built network without tracing it again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cpruner.errors import ArtefactError

#: Unit of an index that always stays.
FIXED = -1


@dataclass(frozen=True)
class Cut:
    """One axis of one parameter or buffer; ``units[i]`` is the unit of index i."""

    tensor: str
    axis: int
    units: tuple[int, ...]


@dataclass(frozen=True)
class Size:
    """An integer attribute of a module that counts kept units (``out_channels``, ``groups``, ...)."""

    module: str
    attribute: str
    units: tuple[int, ...]


@dataclass(frozen=True)
class Rewire:
    """A parameter-free module whose code states sizes: it keeps its dense width between a scatter and a gather."""

    module: str
    axis: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """Everything surgery needs to know.

    Args:
        names: Group names in network order.
        sizes: Units per group.
        cuts: Tensor axes that shrink.
        attributes: Module attributes to patch.
        rewires: Modules to wrap.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    cuts: tuple[Cut, ...]
    attributes: tuple[Size, ...]
    rewires: tuple[Rewire, ...]

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """First unit of every group, and the number of units at the end."""
        return np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])

    @cached_property
    def arrays(self) -> dict[tuple[int, ...], NDArray[np.int64]]:
        """Unit tuples as arrays, made once."""
        tuples = [*(c.units for c in self.cuts), *(a.units for a in self.attributes)]
        tuples += [units for r in self.rewires for units in (r.inputs, r.outputs)]
        return {units: np.asarray(units, dtype=np.int64) for units in tuples}

    @cached_property
    def groups_of(self) -> dict[tuple[int, ...], frozenset[int]]:
        """Groups that occur among the units of an axis, by unit tuple."""
        numbers = {units: np.unique(array[array != FIXED]) for units, array in self.arrays.items()}
        return {
            units: frozenset((np.searchsorted(self.offsets, number, side="right") - 1).tolist())
            for units, number in numbers.items()
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the whole plan: two networks with the same structure share it."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Inverse of ``to_dict``.

        Raises:
            ArtefactError: A key is missing or has the wrong form.
        """
        try:
            return cls(
                names=tuple(data["names"]),
                sizes=tuple(data["sizes"]),
                cuts=tuple(Cut(c["tensor"], c["axis"], tuple(c["units"])) for c in data["cuts"]),
                attributes=tuple(Size(a["module"], a["attribute"], tuple(a["units"])) for a in data["attributes"]),
                rewires=tuple(
                    Rewire(r["module"], r["axis"], tuple(r["inputs"]), tuple(r["outputs"])) for r in data["rewires"]
                ),
            )
        except (KeyError, TypeError) as error:
            raise ArtefactError(f"damaged surgery plan: {error!r}; expected the 'plan' of a candidate.json.") from error
