"""The loss a student is trained with. Axis letters: B batch, K classes."""

from torch import Tensor
from torch.nn import functional


def distillation_loss(
    student_BK: Tensor,
    teacher_BK: Tensor,
    labels_B: Tensor,
    *,
    weight: float,
    temperature: float,
    smoothing: float = 0.0,
) -> Tensor:
    r"""Mix the loss on labels with the distance to a teacher.

    Hinton et al. 2015, "Distilling the knowledge in a neural network", section 2, with soft targets of equation 1:

    .. math:: L = (1 - w) H(y, p^{s}) + w T^2 KL(p^{t}_T || p^{s}_T), \quad p_T = softmax(z / T)

    The factor T^2 keeps the two gradients in proportion when T changes.

    Args:
        student_BK: Logits of the network in training.
        teacher_BK: Logits of the teacher for the same images.
        labels_B: Class numbers.
        weight: w in [0, 1].
        temperature: T > 0.
        smoothing: Share of every label spread over all classes.

    Returns:
        Mean loss over the batch, a scalar in nats.
    """
    hard = functional.cross_entropy(student_BK, labels_B, label_smoothing=smoothing)
    soft = functional.kl_div(
        functional.log_softmax(student_BK / temperature, dim=1),
        functional.log_softmax(teacher_BK / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - weight) * hard + weight * temperature**2 * soft
