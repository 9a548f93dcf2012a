"""A layer whose six rows are two heads of three dimensions."""

from function import Function
from torch import nn

from cpruner.candidate import Cut, Labels, Plan, Size

#: The heads are units 0 and 1, the dimensions units 2 to 4.
GRID = Plan(
    ("heads", "dims"),
    (2, 3),
    (Labels(((0, 0, 0, 1, 1, 1), (2, 3, 4, 2, 3, 4))), Labels(((0, 1),))),
    (Cut("a.weight", 0, 0), Cut("a.bias", 0, 0), Cut("b.weight", 1, 0)),
    (Size("a", "out_features", 0), Size("b", "in_features", 0), Size("", "heads", 1), Size("", "shape", 0, "tuple")),
)


def grid() -> nn.Module:
    """The network of the plan, with two counts of its own."""
    model = Function(lambda s, x: s.b(s.a(x).relu()), a=nn.Linear(4, 6), b=nn.Linear(6, 2))
    model.heads, model.shape = 2, (6,)
    return model
