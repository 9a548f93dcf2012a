"""How labels pass through ops: one file per op family. A new op is one more entry in the table of its family."""

from collections.abc import Mapping

from cpruner.space.rule.attention import ATTENTION
from cpruner.space.rule.contraction import CONTRACTION
from cpruner.space.rule.convolution import CONVOLUTION
from cpruner.space.rule.creation import CREATION
from cpruner.space.rule.lookup import LOOKUP
from cpruner.space.rule.movement import MOVEMENT
from cpruner.space.rule.normalisation import NORMALISATION
from cpruner.space.rule.pointwise import POINTWISE, pointwise
from cpruner.space.rule.scatter import SCATTER
from cpruner.space.rule.shuffle import SHUFFLE
from cpruner.space.rule.window import WINDOW
from cpruner.space.run import Rule

RULES: Mapping[str, Rule] = {
    **ATTENTION,
    **CONTRACTION,
    **CONVOLUTION,
    **CREATION,
    **LOOKUP,
    **MOVEMENT,
    **NORMALISATION,
    **POINTWISE,
    **SCATTER,
    **SHUFFLE,
    **WINDOW,
}

__all__ = ["RULES", "pointwise"]
