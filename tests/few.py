"""A few networks stand for all of them in the unit suite; the rest run with ``-m slow``."""

from collections.abc import Iterable
from typing import Any

import pytest

from cpruner.testing.net import Net

#: At least one for every kind of consumer: plain, joined, concatenated, depthwise, grouped, shared, of heads.
FEW = {
    *("flatten", "residual", "dense block", "depthwise", "channel shuffle", "group norm", "transposed groups"),
    *("rows", "packed attention", "grouped queries", "windowed attention"),
}


def few(nets: Iterable[str | Net]) -> list[Any]:
    """Networks, or their names, as parameters: all but the few marked slow."""
    return [pytest.param(net, marks=() if _name(net) in FEW else pytest.mark.slow, id=_name(net)) for net in nets]


def _name(net: str | Net) -> str:
    return net if isinstance(net, str) else net.name
