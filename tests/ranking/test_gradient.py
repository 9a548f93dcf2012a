import math
from collections.abc import Iterator

import pytest
import torch
from rankings import batch, evidence, pair, undecided
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.ranking import Evidence
from cpruner.ranking.gradient import minibatches, weighted_gradients

ONE = torch.ones(1, 1, dtype=torch.float64)


def known(*batches: tuple[Tensor, Tensor], **options: int) -> Evidence:
    return evidence(undecided(), ONE, *batches, **options)


class TestMinibatches:
    def sizes(self, *counts: int, **options: int) -> list[int]:
        return [len(labels) for _, labels in minibatches(known(*(batch(*range(n)) for n in counts), **options))]

    def test_they_do_not_depend_on_how_the_images_came(self) -> None:
        assert self.sizes(5, 1, 4, batch_size=4) == self.sizes(10, batch_size=4) == [4, 4, 2]
        assert self.sizes(5, 1, 4, batch_size=4, images=7) == [4, 3]

    def test_inputs_keep_their_labels(self) -> None:
        pairs = [(torch.arange(n, n + 3.0), torch.arange(n, n + 3)) for n in (0, 3)]
        found = minibatches(Evidence(nn.Linear(1, 1), None, pairs, spec=known(images=5, batch_size=2).spec))  # type: ignore[arg-type]
        assert [(x.tolist(), y.tolist()) for x, y in found] == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4], [4])]

    def test_no_more_is_read_than_is_needed(self) -> None:
        def endless() -> Iterator[tuple[Tensor, Tensor]]:
            while True:
                yield batch(0, 1)

        one = known(images=3)
        found = minibatches(Evidence(one.model, one.space, endless(), spec=one.spec))
        assert [labels.tolist() for _, labels in found] == [[0, 1, 0]]

    @pytest.mark.parametrize(
        ("labels", "got"),
        [
            (torch.tensor([0.0, 1.0]), "torch.float32 of shape"),
            (torch.tensor([0]), r"shape \(1,\)"),
            ([0, 1], "list"),
            (None, "NoneType"),
        ],
    )
    def test_labels_that_are_none_are_refused(self, labels: object, got: str) -> None:
        with pytest.raises(InputError, match=rf"^labels: expected int64 of shape \(2,\), got .*{got}"):
            minibatches(known((torch.ones(2, 1), labels)))  # type: ignore[arg-type]


def test_by_hand() -> None:
    found = weighted_gradients(undecided(), *batch(0))
    assert found["0.weight"].tolist() == [[1.5], [-1.0], [-0.5]]
    assert found["1.weight"].tolist() == [[-0.0, -2.0, -0.5], [1.5, 1.0, 0.0]]


def test_the_loss_is_the_mean_over_the_batch() -> None:
    both = weighted_gradients(undecided(), *batch(0, 0, 1))["0.weight"]
    assert both.flatten().tolist() == pytest.approx([1.5 / 3, -1.0 / 3, -0.5 / 3])


def network() -> nn.Module:
    """In mixed modes, with dropout, a frozen weight and a gradient of its own."""
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(), nn.Linear(12, 2)
    ).train()
    model[1].eval()
    model[5].weight.requires_grad_(False)
    model(IMAGES).sum().backward()
    return model


IMAGES = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0])


def test_gradients_are_those_of_eval_mode_even_of_frozen_weights() -> None:
    model = network()
    found = weighted_gradients(model, IMAGES, LABELS)
    model.eval().requires_grad_(True).zero_grad()
    functional.cross_entropy(model(IMAGES), LABELS).backward()
    assert set(found) == {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        assert torch.allclose(found[name], (parameter * parameter.grad).double(), atol=1e-7), name


def test_the_model_and_the_images_come_back_as_before() -> None:
    model, images = network(), IMAGES.clone()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    kept = [(p.requires_grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    modes, random = [module.training for module in model.modules()], torch.get_rng_state()
    weighted_gradients(model, images, LABELS)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    for (asked, gradient), parameter in zip(kept, model.parameters(), strict=True):
        assert parameter.requires_grad == asked
        assert (parameter.grad is None) if gradient is None else torch.equal(parameter.grad, gradient)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(images, IMAGES)


def test_the_model_comes_back_after_an_error_too() -> None:
    model = network()
    with pytest.raises(InputError, match=r"class numbers in 0\.\.1"):
        weighted_gradients(model, IMAGES, LABELS + 1)
    assert not model[5].weight.requires_grad
    assert model.training


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_grad_mode_does_not_matter(mode) -> None:
    wanted = weighted_gradients(undecided(), *batch(0))
    with mode():
        ((inputs, labels),) = minibatches(known((ONE + 0, torch.tensor([1]) - 1)))
        found = weighted_gradients(undecided() if mode is torch.no_grad else MODEL, inputs, labels)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


MODEL = undecided()


def test_parameters_that_nothing_reads_have_no_gradient() -> None:
    model = undecided()
    model.register_parameter("spare", nn.Parameter(torch.ones(2)))
    model.register_parameter("count", nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False))
    assert set(weighted_gradients(model, *batch(0))) == {"0.weight", "1.weight"}


def test_half_precision_is_summed_in_double() -> None:
    found = weighted_gradients(undecided().bfloat16(), torch.ones(1, 1).bfloat16(), torch.tensor([0]))
    assert found["0.weight"].dtype == torch.float64
    assert found["0.weight"].flatten().tolist() == [1.5, -1.0, -0.5]


def test_sure_images_have_a_gradient_too() -> None:
    """Logits 20 and 0 in single precision: p = 1 - 2e-9, which would be rounded to 1."""
    found = weighted_gradients(pair([[1.0]], [[20.0], [0.0]]).float(), torch.ones(1, 1), torch.tensor([0]))
    assert found["1.weight"][0].item() == pytest.approx(-20 / (1 + math.exp(20)), rel=1e-4)


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda z: (z, z), "tuple"),
        (lambda z: z.sum(1), r"shape \(1,\)"),
        (lambda z: z[:, None], r"shape \(1, 1, 2\)"),
        (lambda z: z.detach(), r"shape \(1, 2\) without a gradient"),
    ],
)
def test_an_output_without_a_loss_is_refused(make, got: str) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = undecided()

        def forward(self, x: Tensor) -> object:
            return make(self.inner(x))

    with pytest.raises(InputError, match=rf"^network output: expected logits of shape \(1, classes\).* got {got}\."):
        weighted_gradients(Odd(), *batch(0))
