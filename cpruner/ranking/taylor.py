"""First-order Taylor expansion of the loss."""

import torch

from cpruner.ranking.evidence import Evidence
from cpruner.ranking.gradient import minibatches, weighted_gradients
from cpruner.ranking.unit import unit_sums
from cpruner.space import Ranking, order


def taylor(evidence: Evidence) -> Ranking:
    r"""Rank by how much the loss changes, to first order, when everything that is cut with a channel becomes zero.

    Molchanov et al. 2019, "Importance estimation for neural network pruning", equation 8: S_j are the weights cut with
    the channel, and the mean is taken over mini-batches of ``spec.batch_size`` images:

    .. math:: s_j = E\left[\left(\sum_{w \in S_j} w \frac{\partial L}{\partial w}\right)^2\right]

    The square stands inside the mean because a trained network's gradient over all images is nearly zero.

    Args:
        evidence: The network and labelled training batches.

    Raises:
        InputError: No batches, or they do not fit the network.
    """
    plan = evidence.space.plan
    total_U = torch.zeros(int(plan.offsets[-1]), dtype=torch.float64)
    for inputs, labels_B in minibatches(evidence):
        change_U = unit_sums(plan, weighted_gradients(evidence.model, inputs, labels_B))
        total_U += len(labels_B) * change_U.square()
    return order(total_U, plan)
