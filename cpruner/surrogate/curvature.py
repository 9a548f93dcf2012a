"""Second moments of the loss gradient at the outputs of layers: the other factor of Kronecker-factored curvature.

With labels drawn from the network itself their sum over positions is the Fisher information of an output, so that an
error E = cov(dY) of a layer's output raises the loss by about tr(G E) / 2 (Martens and Grosse 2015, section 3; the sum
over positions takes them as independent, Eschenhagen et al. 2023, "expand"). Axis letters: O outputs, K classes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from cpruner.errors import InputError
from cpruner.ranking import learning
from cpruner.repair import Layer, Statistics
from cpruner.space import untouched


def curvature(
    model: nn.Module, statistics: Statistics, *, images: int, batch: int, seed: int, temperature: float = 1.0
) -> dict[str, Tensor]:
    """G (O, O) in nats per squared output, by weight; layers whose module is not called are missing.

    Args:
        model: The dense network, from inputs to logits (N, K); afterwards exactly as before.
        statistics: Its statistics; their images are used.
        images: How many images.
        batch: Images per gradient.
        seed: Of the labels that are drawn.
        temperature: Softens the network's answers; G counts the divergence of softened answers then, times its square
            (Hinton et al. 2015, section 2). A network that is sure of its images has no gradients without.

    Raises:
        InputError: The output is not a (N, K) tensor that depends on parameters.
    """
    generator = torch.Generator().manual_seed(seed)
    sums: dict[str, Tensor] = {}
    chosen = statistics.images[:images]
    hooked = _hooked(model, statistics.layers, sums)
    with untouched(model), torch.enable_grad(), learning(model) as parameters, hooked:
        for inputs in chosen.split(batch):
            logits_NK = _checked(model(inputs.clone()), len(inputs)).double() / temperature
            shares_NK = logits_NK.detach().softmax(1).cpu()
            labels_N = torch.multinomial(shares_NK, 1, generator=generator)[:, 0].to(logits_NK.device)
            loss = functional.cross_entropy(logits_NK, labels_N, reduction="sum")
            torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {name: temperature**2 * total / len(chosen) for name, total in sums.items()}


def root(g_OO: Tensor) -> Tensor:
    """R with R R' = G, for a symmetric G without negative eigenvalues."""
    values_O, vectors_OO = torch.linalg.eigh(g_OO)
    found: Tensor = vectors_OO * values_O.clamp_min(0).sqrt()
    return found


def measures(statistics: Statistics, curvature_of: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """R (O, O) of every layer with tr(R' E R) = tr(G E) / 2, the rise of the loss in nats.

    A layer without curvature counts like the average of the others: losing all of its output costs as many nats.
    """
    whole = {
        name: float((curvature_of[name].diagonal() * layer.dense.variance_GO[0].to(curvature_of[name])).sum()) / 2
        for name, layer in statistics.layers.items()
        if name in curvature_of and layer.product.groups == 1
    }
    average = sum(whole.values()) / len(whole) if whole else 1.0
    found = {}
    for name, layer in statistics.layers.items():
        if name in whole:
            found[name] = root(curvature_of[name].double()) / 2**0.5
        elif layer.product.groups == 1:
            variance_O = layer.dense.variance_GO[0]
            share = average / variance_O.sum().clamp_min(1e-30)
            found[name] = torch.eye(len(variance_O), dtype=torch.float64, device=variance_O.device) * share.sqrt()
    return found


def _checked(output: object, images: int) -> Tensor:
    """The output as logits (N, K)."""
    if isinstance(output, Tensor) and output.ndim == 2 and len(output) == images and output.requires_grad:
        return output
    raise InputError(
        "network output",
        expected=f"logits of shape ({images}, classes) that depend on parameters",
        got=f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__,
        remedy="Wrap the network so that it returns one row of logits per image.",
    )


@contextmanager
def _hooked(model: nn.Module, layers: Mapping[str, Layer], sums: dict[str, Tensor]) -> Iterator[None]:
    """Add up g g' of every layer whose module is called, while gradients pass through its output."""
    named = {id(model.get_parameter(name)): layer for name, layer in layers.items() if layer.product.groups == 1}
    handles = []
    for module in model.modules():
        if isinstance(module, nn.Linear | _ConvNd) and id(module.weight) in named:
            handles.append(module.register_forward_hook(_watch(named[id(module.weight)], sums)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watch(layer: Layer, sums: dict[str, Tensor]) -> Callable[[nn.Module, object, Tensor], None]:
    """A forward hook; that of the output runs before anything is written into it, such as an activation in place."""

    def add(gradient: Tensor) -> None:
        g_MO = gradient.movedim(1, -1) if layer.product.taps else gradient
        g_MO = g_MO.reshape(-1, g_MO.shape[-1])
        g_MO = g_MO if g_MO.dtype == torch.float64 else g_MO.float()
        sums[layer.weight] = sums.get(layer.weight, 0) + (g_MO.T @ g_MO).double()

    def watch(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        output.register_hook(add)

    return watch
