"""Connection sensitivity from a single gradient."""

from torch import Tensor

from cpruner.ranking.evidence import Evidence
from cpruner.ranking.gradient import minibatches, weighted_gradients
from cpruner.ranking.unit import unit_sums
from cpruner.space import Ranking, order


def snip(evidence: Evidence) -> Ranking:
    r"""Rank by the sensitivity of the loss to the weights of a channel, each taken for itself.

    Lee et al. 2019, "SNIP: single-shot network pruning based on connection sensitivity", equation 5, without the
    normalisation, summed over all weights S_j that are cut with the channel:

    .. math:: s_j = \sum_{w \in S_j} \left|w \frac{\partial L}{\partial w}\right|

    L is the mean loss over all ``spec.images`` images, a single batch that is worked through piece by piece.

    Args:
        evidence: The network and labelled training batches.

    Raises:
        InputError: No batches, or they do not fit the network.
    """
    total: dict[str, Tensor] = {}
    for inputs, labels_B in minibatches(evidence):
        for name, product in weighted_gradients(evidence.model, inputs, labels_B).items():
            total[name] = total.get(name, 0) + len(labels_B) * product
    return order(
        unit_sums(evidence.space.plan, {name: sums.abs() for name, sums in total.items()}), evidence.space.plan
    )
