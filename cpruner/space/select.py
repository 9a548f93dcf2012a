"""Applies what the user wants to a finished trace."""

import numpy as np
import torch
from torch import nn

from cpruner.space.label import resolve
from cpruner.space.module_of import module_of
from cpruner.space.run import Tracer
from cpruner.space.selection import Selection, matches, tensor_axes


def select(tracer: Tracer, model: nn.Module, selection: Selection) -> None:
    """Freeze what is not wanted and tie what is declared.

    Raises:
        InputError: A pattern that fits no module, or a declared axis that does not exist.
    """
    for group in selection.declared:
        _declare(tracer, model, tensor_axes(model, group))
    if selection.exclude:
        excluded = matches(model, selection.exclude, "exclude")
        for (tensor, _), labels in tracer.axes.items():
            if excluded(module_of(tensor)[0]):
                tracer.sheet.freeze(labels, "belongs to an excluded module")
    if selection.include is not None:
        included = matches(model, selection.include, "include")
        resolution = resolve(tracer.sheet)
        units = {place: resolution.of(tracer.axes[place]) for place in tracer.producers if place in tracer.axes}
        wanted = set[int]().union(*(found for place, found in units.items() if included(module_of(place[0])[0])))
        for labels in tracer.axes.values():
            if not resolution.of(labels) <= wanted:
                outside = [not resolution.of(label) <= wanted for label in labels.split(1)]
                tracer.sheet.freeze(labels[torch.tensor(outside)], "not made by an included module")


def _declare(tracer: Tracer, model: nn.Module, axes: list[tuple[str, int]]) -> None:
    """Tie the axes and forget why they had to stay: the proof will tell whether that was right."""
    tensors = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    for name, _ in axes:
        tracer.planes(tensors[name])
    vectors = [tracer.axes[place] for place in axes]
    component = resolve(tracer.sheet).component
    free = np.unique(np.concatenate([component[vector.numpy()] for vector in vectors]))
    tracer.sheet.frozen = [
        (labels[torch.from_numpy(~np.isin(component[labels.numpy()], free))], reason)
        for labels, reason in tracer.sheet.frozen
    ]
    for vector in vectors[1:]:
        tracer.sheet.unite(vectors[0], vector, "declared together")
    for place in axes[:1]:
        tracer.producers.append(place)
