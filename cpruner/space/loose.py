"""Loose ends of a trace: what could be removed, but has nothing to gain or may be wanted by other inputs."""

import numpy as np
import torch
from torch import Tensor

from cpruner.space.label import Resolution, resolve
from cpruner.space.run import Tracer

_CONSTANT = "reads a constant"
_LEFT_OUT = "no other tensor shares it: the code leaves it out for these inputs, or sums it up"


def keep_loose(tracer: Tracer) -> None:
    """Freeze constants that only the weights which read them met, and rows of a parameter that nothing met.

    No parameter makes the former, so none would be saved. The latter are positions beyond the length of the example,
    say: another input reads them.

    Args:
        tracer: After the runs.
    """
    resolution = resolve(tracer.sheet)
    making = {name for name, _ in tracer.producers}
    read = [place for place in tracer.axes if place not in tracer.producers]
    if tracer.constants:
        places = [*tracer.producers, *(place for place in read if place[0] not in making)]
        known = sorted(set[int]().union(*(resolution.of(tracer.axes[p]) for p in places if p in tracer.axes)))
        for labels in tracer.constants:
            alone = ~np.isin(resolution.component[labels.numpy()], known)
            tracer.sheet.freeze(labels[torch.from_numpy(alone)], _CONSTANT)
    tied = _tied(tracer, resolution)
    for place in read:
        labels = tracer.axes[place]
        tracer.sheet.freeze(labels[~tied[labels]], _LEFT_OUT)


def _tied(tracer: Tracer, resolution: Resolution) -> Tensor:
    """For every label, whether it has something to do with another one."""
    tied = torch.from_numpy(np.bincount(resolution.component)[resolution.component] > 1)
    for labels, factors in tracer.sheet.definitions:
        for part in (labels, *factors):
            tied[part] = True
    return tied
