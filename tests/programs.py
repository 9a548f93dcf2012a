"""Programs on six channels, and modules that run them."""

from dataclasses import replace
from typing import Any

from torch import nn

from cpruner.candidate import Candidate, Labels, Node, Pick, Plan, Program
from cpruner.candidate.replay import install

# six channels, of which the odd ones, or the last three, come out first
CHANNELS, ODD, LAST = Labels(((0, 1, 2, 3, 4, 5),)), Labels(((1, 3, 5, 0),)), Labels(((3, 4, 5),))
PICKS = (Pick(0, 1, (1, 3, 5, 0)), Pick(0, 2, (3, 4, 5)))


def candidate(program: Program, *kept: int) -> Candidate:
    return Candidate((kept,), Plan(("c",), (6,), (CHANNELS, ODD, LAST), (), (), (program,)))


def program(*nodes: Node, out: Any = ("v", 1), **parts: Any) -> Program:
    return replace(Program("", (("v", 0),), (), None, PICKS, nodes, out), **parts)


def installed(what: Program, *kept: int, model: nn.Module | None = None) -> nn.Module:
    model = nn.Identity() if model is None else model
    install(model, what, candidate(what, *(kept or range(6))))
    return model


PICK = program(Node("pick", (("v", 0), 1, ("pick", 0)), (), 1))
SLICE = program(Node("pick", (("v", 0), 1, ("pick", 1)), (), 1))
ADD = program(Node("aten.add.Scalar", (("v", 0), 1), (), 1))
