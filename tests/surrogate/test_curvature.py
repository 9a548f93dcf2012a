import math
from dataclasses import replace

import pytest
import torch
from function import Function
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.repair import Repair, Statistics, gather
from cpruner.surrogate.curvature import curvature, measures, root

TOKENS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
IMAGES = torch.randn(9, 2, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
HALVES = torch.tensor([[0.25, -0.25], [-0.25, 0.25]], dtype=torch.float64)


def gathered(model: nn.Module, inputs: Tensor) -> Statistics:
    return gather(model, [(inputs, None)], Repair(images=len(inputs)))


def found(model: nn.Module, inputs: Tensor, seed: int = 0, batch: int = 4, images: int = 1000) -> dict[str, Tensor]:
    return curvature(model, gathered(model, inputs), images=images, batch=batch, seed=seed)


def undecided() -> nn.Sequential:
    """Hidden outputs are 0, so both classes are as likely, and g = (1/2, -1/2) or its opposite."""
    model = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 2, bias=False)).double()
    with torch.no_grad():
        model[0].weight.zero_()
        model[1].weight.copy_(torch.tensor([[1.0, 4.0], [3.0, 0.0]]))
    return model


def convolutional() -> nn.Sequential:
    front = (nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 2), nn.Flatten())
    return nn.Sequential(*front, nn.Linear(12, 3)).double().eval()


def test_by_hand() -> None:
    """W'g = (1, -2), (-1, 2) or their halves: g g' does not depend on the label."""
    result = found(undecided(), TOKENS)
    assert result.keys() == {"0.weight", "1.weight"}
    assert torch.allclose(result["1.weight"], HALVES)
    assert torch.allclose(result["0.weight"], torch.tensor([[1.0, -2.0], [-2.0, 4.0]], dtype=torch.float64))


def test_tokens_of_one_image_add_up() -> None:
    tokens = Function(lambda s, x: s.last(s.first(x).sum(1)), first=nn.Linear(3, 2), last=nn.Linear(2, 2)).double()
    with torch.no_grad():
        for parameter in tokens.parameters():
            parameter.zero_()
        tokens.last.weight.copy_(torch.tensor([[1.0, 4.0], [3.0, 0.0]]))
    result = found(tokens, TOKENS.view(2, 6, 3))
    assert torch.allclose(result["first.weight"], 6 * torch.tensor([[1.0, -2.0], [-2.0, 4.0]], dtype=torch.float64))
    assert torch.allclose(result["last.weight"], HALVES)


@pytest.mark.parametrize(("layer", "name"), [(0, "0.weight"), (3, "3.weight"), (5, "5.weight")])
def test_it_is_the_sum_of_squares_of_gradients_one_image_after_the_other(layer: int, name: str) -> None:
    """The activation that writes into the normalised outputs is behind the place that is looked at."""
    model = convolutional()
    labels = torch.multinomial(model(IMAGES).softmax(1), 1, generator=torch.Generator().manual_seed(5))[:, 0]
    total = torch.zeros(model[layer].weight.shape[0], model[layer].weight.shape[0], dtype=torch.float64)
    for image, label in zip(IMAGES.split(1), labels.split(1), strict=True):
        output = model[: layer + 1](image).detach().requires_grad_()
        loss = functional.cross_entropy(model[layer + 1 :](output.clone()), label)
        (gradient,) = torch.autograd.grad(loss, output)
        for place in gradient.flatten(2).movedim(1, -1)[0] if gradient.ndim > 2 else gradient:
            total += torch.outer(place, place)
    assert torch.allclose(found(model, IMAGES, seed=5, batch=9)[name], total / len(IMAGES))


def test_labels_come_from_the_network() -> None:
    """Then the average of g g' tends to diag(p) - p p'; with the likeliest label it would not."""
    model = nn.Linear(3, 3).double()
    shares = model(TOKENS[0]).softmax(0)
    result = found(model, TOKENS[:1].expand(20_000, 3), batch=20_000, images=20_000)["weight"]
    assert torch.allclose(result, shares.diag() - torch.outer(shares, shares), atol=0.01)


def test_the_seed_decides_and_nothing_else() -> None:
    model = convolutional()
    before = torch.get_rng_state()
    one, same, other = (found(model, IMAGES, seed)["3.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_more_images_than_asked_for() -> None:
    model = convolutional()
    assert torch.equal(found(model, IMAGES, images=4)["0.weight"], found(model, IMAGES[:4], images=1000)["0.weight"])


def test_a_module_that_runs_twice_counts_twice_and_a_tied_one_as_well() -> None:
    def twice(s: nn.Module, x: Tensor) -> Tensor:
        return s.last(s.again(s.loop(x)))

    loop = nn.Linear(2, 2, bias=False)
    again = nn.Linear(2, 2, bias=False)
    again.weight = loop.weight
    model = Function(twice, loop=loop, again=again, last=nn.Linear(2, 2, bias=False)).double()
    with torch.no_grad():
        loop.weight.copy_(torch.eye(2))
        model.last.weight.copy_(torch.eye(2))
    result = found(model, torch.ones(3, 2, dtype=torch.float64))
    assert torch.allclose(result["last.weight"], HALVES)
    assert torch.allclose(result["loop.weight"], 2 * HALVES)


def test_layers_whose_module_is_not_called_and_grouped_ones_are_missing() -> None:
    def forward(s: nn.Module, x: Tensor) -> Tensor:
        return functional.linear(s.grouped(x).mean((2, 3)), s.last.weight)

    model = Function(forward, grouped=nn.Conv2d(2, 4, 3, groups=2), last=nn.Linear(4, 3)).double()
    assert gathered(model, IMAGES).layers.keys() == {"grouped.weight", "last.weight"}
    assert found(model, IMAGES) == {}


def worn() -> nn.Sequential:
    """In mixed modes, partly frozen, with a gradient of its own."""
    model = convolutional().train()
    model[1].eval()
    model[3].weight.requires_grad_(False)
    model(IMAGES).sum().backward()
    return model


def test_the_model_is_as_before() -> None:
    model = worn()
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    result = found(model, IMAGES)
    assert result.keys() == {"0.weight", "3.weight", "5.weight"}
    assert not any(total.requires_grad for total in result.values())
    assert all(torch.equal(value, tensors[name]) for name, value in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == [True] * 4 + [False] + [True] * 3
    for parameter, before in zip(model.parameters(), grads, strict=True):
        assert (parameter.grad is None) if before is None else torch.equal(parameter.grad, before)
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_grad_mode_does_not_matter(mode) -> None:
    """Images made in inference mode would refuse to be differentiated."""
    model = convolutional()
    statistics, expected = gathered(model, IMAGES), found(model, IMAGES)
    with mode():
        held = replace(statistics, images=statistics.images + 0)
        result = curvature(model, held, images=1000, batch=4, seed=0)
    assert all(torch.equal(result[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("forward", "got"),
    [
        (lambda s, x: s.last(x).unsqueeze(1), r"shape \(4, 1, 2\)"),
        (lambda s, x: s.last(x).sum(1), r"shape \(4,\)"),
        (lambda s, x: s.last(x)[:1], r"shape \(1, 2\)"),
        (lambda s, x: s.last(x).detach(), r"shape \(4, 2\)"),
        (lambda s, x: (s.last(x),), "tuple"),
    ],
)
def test_outputs_that_are_no_logits_are_refused(forward, got: str) -> None:
    model = Function(forward, last=nn.Linear(3, 2)).double()
    with pytest.raises(InputError, match=rf"^network output: expected logits of shape \(4, classes\).*got {got}\."):
        found(model, TOKENS)
    assert not model.last._forward_hooks


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(0, 6))
def test_a_root_squared_is_the_matrix(seed: int, size: int, rank: int) -> None:
    rows = torch.randn(rank, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    g_OO = rows.T @ rows
    assert torch.allclose(root(g_OO) @ root(g_OO).T, g_OO, atol=1e-9)


def test_an_eigenvalue_that_rounding_made_negative_counts_as_none() -> None:
    assert root(torch.diag(torch.tensor([4.0, -1e-12]))).abs().tolist() == [[0.0, 2.0], [0.0, 0.0]]


class TestMeasures:
    def test_they_take_half_the_trace(self) -> None:
        model = convolutional()
        statistics, curvature_of = gathered(model, IMAGES), found(model, IMAGES)
        for name, r_OK in measures(statistics, curvature_of).items():
            generator = torch.Generator().manual_seed(1)
            rows = torch.randn(7, len(r_OK), generator=generator, dtype=torch.float64)
            e_OO = rows.T @ rows
            expected = (curvature_of[name] * e_OO).sum() / 2
            assert (r_OK.T @ e_OO @ r_OK).trace().item() == pytest.approx(expected.item())

    def test_a_layer_without_curvature_costs_as_much_as_the_others(self) -> None:
        model = convolutional()
        statistics, curvature_of = gathered(model, IMAGES), found(model, IMAGES)
        variance = {name: layer.dense.variance_GO[0] for name, layer in statistics.layers.items()}
        costs = [float(curvature_of[name].diagonal() @ variance[name]) / 2 for name in ("0.weight", "5.weight")]
        del curvature_of["3.weight"]
        r_OK = measures(statistics, curvature_of)["3.weight"]
        whole = (r_OK.T @ variance["3.weight"].diag() @ r_OK).trace().item()
        assert whole == pytest.approx(sum(costs) / 2)
        assert torch.equal(r_OK, r_OK[0, 0] * torch.eye(3, dtype=torch.float64))

    def test_without_any_curvature_every_layer_costs_one_nat(self) -> None:
        statistics = gathered(convolutional(), IMAGES)
        found = measures(statistics, {})
        assert found.keys() == statistics.layers.keys()
        for name, r_OK in found.items():
            total = statistics.layers[name].dense.variance_GO.sum().item()
            assert r_OK.diagonal().tolist() == pytest.approx([math.sqrt(1 / total)] * len(r_OK))

    def test_a_layer_that_never_moves_is_no_division_by_zero(self) -> None:
        still = measures(gathered(undecided(), TOKENS), {})
        assert all(torch.isfinite(r_OK).all() for r_OK in still.values())

    def test_grouped_convolutions_have_none(self) -> None:
        model = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(36, 2)).double()
        assert measures(gathered(model, IMAGES), {}).keys() == {"2.weight"}
