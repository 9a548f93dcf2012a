"""Natural gradients: steps of a policy measured by how much the policy changes.

Axis letters: P parameters that learn, all in one vector; B steps.
"""

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parameters_to_vector

from cpruner.agent.policy import Law, Policy
from cpruner.agent.sequences import Sequences


def learning(policy: nn.Module) -> list[nn.Parameter]:
    """The parameters that learn; one that follows a schedule is none of them."""
    return [parameter for parameter in policy.parameters() if parameter.requires_grad]


def flat_gradient(
    value: Tensor, parameters: Sequence[nn.Parameter], *, keep: bool = False, twice: bool = False
) -> Tensor:
    """Gradient of a scalar as one vector, zero where it does not depend on a parameter.

    Args:
        value: The scalar.
        parameters: Of what it is a function.
        keep: Keep the graph for another gradient.
        twice: Let the gradient itself be differentiated.
    """
    parts = torch.autograd.grad(
        value, parameters, retain_graph=keep or twice, create_graph=twice, materialize_grads=True
    )
    return torch.cat([part.reshape(-1) for part in parts])


@final
class Fisher:
    """Products with F + damping I, where F is the Hessian of the mean KL(old || policy) at the old policy.

    There F is the Fisher information, and KL(old || policy(theta + x)) = x F x / 2 to second order (Schulman et al.
    2015, appendix C). The product is the gradient of (gradient of the KL) . v; F itself is never formed.

    Args:
        policy: As it was when it gave ``old``.
        seen: Where the laws are compared.
        old: The laws there, without gradient.
        damping: Added to the diagonal, in nats per squared parameter.
    """

    def __init__(self, policy: Policy, seen: Sequences, old: Law, damping: float) -> None:
        self._parameters, self._damping = learning(policy), damping
        with sdpa_kernel(SDPBackend.MATH):  # torch differentiates its other attention kernels only once
            divergence = old.kl(policy(seen)).mean()
        self._slope_P = flat_gradient(divergence, self._parameters, twice=True)

    def __call__(self, vector_P: Tensor) -> Tensor:
        """(F + damping I) v."""
        product = self._slope_P @ vector_P
        return flat_gradient(product, self._parameters, keep=True) + self._damping * vector_P


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], target_P: Tensor, iterations: int, tolerance: float = 1e-10
) -> Tensor:
    """Solve H x = b for a positive definite H (Hestenes and Stiefel 1952), from x = 0.

    Args:
        product: v -> H v.
        target_P: b.
        iterations: Most products.
        tolerance: It ends early once |b - H x| <= tolerance |b|.
    """
    answer_P, residual_P = torch.zeros_like(target_P), target_P.clone()
    direction_P, square = residual_P.clone(), residual_P @ residual_P
    enough = tolerance**2 * square
    for _ in range(iterations):
        if square <= enough:
            break
        moved_P = product(direction_P)
        length = square / (direction_P @ moved_P)
        answer_P += length * direction_P
        residual_P -= length * moved_P
        before, square = square, residual_P @ residual_P
        direction_P = residual_P + (square / before) * direction_P
    return answer_P


@torch.no_grad()
def line_search(
    policy: Policy, seen: Sequences, step_P: Tensor, accept: Callable[[Law, float], bool], shrink: float, tries: int
) -> float:
    """Go the largest of the fractions 1, shrink, shrink^2, ... of a step that is accepted, or nowhere.

    Args:
        policy: Changed in place.
        seen: Where its laws are judged.
        step_P: The whole step.
        accept: From the laws after a fraction of the step, and that fraction, to whether it may be gone.
        shrink: Factor from one fraction to the next.
        tries: Number of fractions.

    Returns:
        The fraction gone, 0 if none was accepted.
    """
    parameters = learning(policy)
    start_P = parameters_to_vector(parameters)
    for attempt in range(tries):
        fraction = shrink**attempt
        _write(parameters, start_P + fraction * step_P)
        if accept(policy(seen), fraction):
            return fraction
    _write(parameters, start_P)
    return 0.0


def _write(parameters: Sequence[nn.Parameter], vector_P: Tensor) -> None:
    """Copies, where torch's own function would let the parameters share the vector."""
    parts = vector_P.split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.copy_(part.view_as(parameter))
