"""Give every weight a say: freshly built networks have zeros and ones where trained ones have numbers.

With a zero classifier (torchvision's vision transformers), a layer scale of 1e-6 or biases of zero any comparison of
outputs passes. Once biases are not zero, batch norms need the statistics of their own input: else the biases drown the
signal, and half the torchvision classifiers return the same for every image, to seven digits.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def stir(network: nn.Module, generator: torch.Generator) -> None:
    """Redraw, in place, the parameters that are constant.

    Constants other than zero (scales) become uniform in [0.5, 1.5], zeros (biases, class tokens) normal with deviation
    0.1; parameters that vary stay as they are.

    Args:
        network: On the CPU.
        generator: Source of the numbers.
    """
    with torch.no_grad():
        for tensor in network.parameters():
            first = tensor.flatten()[:1]
            if tensor.is_floating_point() and tensor.numel() and bool((tensor == first).all()):
                if float(first) == 0.0:
                    tensor.normal_(0.0, 0.1, generator=generator)
                else:
                    tensor.uniform_(0.5, 1.5, generator=generator)


def settle(network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Set the statistics of every batch norm to those of its own input; the network is in eval mode afterwards.

    Args:
        network: Its other modules run in eval mode.
        inputs: At least two examples.
    """
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        network(*inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
