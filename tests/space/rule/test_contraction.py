from typing import Any

import pytest
import torch
from spaces import (
    IMAGE,
    TOKENS,
    attributes,
    checked,
    members,
    numbers,
    programs,
    reason,
    seeded,
    sizes,
    token_net,
    units,
)
from torch import Tensor, nn
from torch.nn import functional

ROWS = numbers(8, 6)


def matrix(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))


def test_a_linear_layer_reads_flattened_channels_in_blocks() -> None:
    model = seeded(lambda s, x: s.fc(s.a(x).flatten(1)), a=nn.Conv2d(3, 4, 7), fc=nn.Linear(16, 2))
    assert units(checked(model, IMAGE), "fc.weight", 1) == [tuple(unit for unit in range(4) for _ in range(4))]


@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 8), (2, 3, 4, 8), (8,)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_layers_on_any_number_of_axes(shape: tuple[int, ...], bias: bool) -> None:
    parts = {"a": nn.Linear(8, 6, bias=bias), "b": nn.Linear(6, 4, bias=bias), "c": nn.Linear(4, 2, bias=bias)}
    space = checked(seeded(lambda s, x: s.c(s.b(s.a(x).relu())), **parts), numbers(*shape))
    assert sizes(space) == {"a": 6, "b": 4}
    assert attributes(space)["b", "in_features"] == 6


def test_linear_layers_across_tokens() -> None:
    """The mixer's way: the layer runs along the axis of the tokens, the channels pass on."""
    parts = {"c": nn.Linear(5, 7), "d": nn.Linear(7, 5)}
    space = checked(token_net(lambda s, h: s.d(s.c(h.transpose(1, 2)).relu()).transpose(1, 2), **parts), TOKENS)
    assert sizes(space) == {"a": 8, "c": 7}
    assert programs(space) == set()


def test_channels_as_rows_of_a_product() -> None:
    """The first operand is a transposed layer: its rows shrink, and with them the FLOPs of the next product."""
    model = seeded(lambda s, x: s.fc((s.a(x).t() @ x).t()), a=nn.Linear(6, 5), fc=nn.Linear(5, 2))
    assert sizes(checked(model, ROWS)) == {"a": 5}


@pytest.mark.parametrize(
    ("bias", "groups"),
    [
        (matrix(7), {"a": 8, "w": 7}),
        (matrix(1, 7), {"a": 8, "w": 7}),
        (matrix(8, 7), {"a": 8, "w": 7}),
        (matrix(8, 1), {"a": 8, "w": 7}),
        (matrix(1, 1), {"a": 8, "w": 7}),
    ],
)
def test_addmm_with_any_bias(bias: nn.Parameter, groups: dict[str, int]) -> None:
    """Rows are examples: what is added to them stays, what is added to columns goes with them."""
    parts = {"a": nn.Linear(6, 8), "w": matrix(8, 7), "v": bias, "fc": nn.Linear(7, 2)}
    space = checked(seeded(lambda s, x: s.fc(torch.addmm(s.v, s.a(x), s.w)), **parts), ROWS)
    assert sizes(space) == groups
    assert (f"v[{bias.ndim - 1}]" in members(space, "w")) == (bias.shape[-1] == 7)
    if bias.shape[0] == 8:
        assert reason(space, "v[0]") == "bias of fixed size"


def test_addmm_ties_rows_to_the_bias_too() -> None:
    model = seeded(
        lambda s, x: s.fc(torch.addmm(s.b(x).t(), s.w.t(), x).t()),
        b=nn.Linear(6, 7),
        w=matrix(6, 7),
        fc=nn.Linear(7, 2),
    )
    space = checked(model, ROWS[:6])
    assert sizes(space) == {"b": 7}
    assert "w[1]" in members(space, "b")


@pytest.mark.parametrize("bias", [matrix(2, 5, 7), matrix(5, 7), matrix(7), matrix(1, 1, 7)])
def test_baddbmm_with_any_bias(bias: nn.Parameter) -> None:
    model = token_net(lambda s, h: torch.baddbmm(s.v, h, s.w.expand(2, -1, -1)), 7, w=matrix(8, 7), v=bias)
    space = checked(model, TOKENS)
    assert sizes(space) == {"a": 8, "w": 7}
    assert f"v[{bias.ndim - 1}]" in members(space, "w")


def test_bmm_contracts_the_inner_axis_and_passes_the_outer_ones() -> None:
    parts = {"q": nn.Linear(6, 8), "k": nn.Linear(6, 8), "v": nn.Linear(6, 7), "fc": nn.Linear(7, 2)}
    model = seeded(lambda s, x: s.fc(torch.bmm(torch.bmm(s.q(x), s.k(x).transpose(1, 2)).softmax(-1), s.v(x))), **parts)
    space = checked(model, TOKENS)
    assert sizes(space) == {"q": 8, "v": 7}
    assert {"q.weight[0]", "k.weight[0]"} <= members(space, "q")


@pytest.mark.parametrize("bias", [False, True])
def test_channels_as_rows_and_as_columns_of_bmm(bias: bool) -> None:
    """A bias is added once per row, and so once per removed channel of ``b``: their sum would tell."""
    parts = {"a": nn.Linear(6, 8), "b": nn.Linear(6, 7), "fc": nn.Linear(7, 2, bias=False)}

    def forward(self: Any, x: Tensor) -> tuple[Tensor, ...]:
        products = torch.bmm(self.a(x).transpose(1, 2), self.b(x))
        return self.fc(products).sum(1), self.gc(products.transpose(1, 2)).sum(1)

    space = checked(seeded(forward, gc=nn.Linear(8, 2, bias=bias), **parts), TOKENS)
    assert sizes(space) == ({"a": 8} if bias else {"a": 8, "b": 7})


def test_examples_multiplied_with_examples_keep_their_number() -> None:
    model = seeded(lambda s, x: s.fc(torch.bmm(s.w, x)), w=matrix(2, 4, 5), fc=nn.Linear(6, 2))
    space = checked(model, TOKENS)
    assert reason(space, "w[0]") == "multiplied with as many matrices of fixed number"
    assert reason(space, "w[2]") == "reads a tensor of fixed size"


@pytest.mark.parametrize(
    ("text", "shapes", "reads"),
    [
        ("bnc,cd->bnd", [(8, 7)], 7),
        ("bnc,dc->bnd", [(7, 8)], 7),
        ("bnc,ce,ed->bnd", [(8, 5), (5, 7)], 7),
        ("bnc,bnd->bncd", [], 0),
    ],
)
def test_einsum(text: str, shapes: list[tuple[int, ...]], reads: int) -> None:
    """Torch multiplies matrices of one row without a matrix product, so there its own counter counts less."""
    parts: dict[str, Any] = {f"w{i}": matrix(*shape) for i, shape in enumerate(shapes)}

    def contract(self: Any, h: Tensor) -> Tensor:
        others = [getattr(self, name) for name in sorted(parts) if name != "c"]
        if not shapes:
            return torch.einsum(text, h, self.c(h)).sum(2)
        return torch.einsum(text, h, *others)

    if not shapes:
        parts["c"], reads = nn.Linear(8, 7), 7
    space = checked(token_net(contract, reads, **parts), TOKENS, flops=False)
    assert sum(sizes(space).values()) == 8 + 7 + (5 if len(shapes) == 2 else 0)


def test_einsum_over_heads() -> None:
    """Two heads of four: queries and keys share dimensions, queries, keys and values share heads."""

    def attend(self: Any, x: Tensor) -> Tensor:
        query, key, value = (layer(x).unflatten(-1, (2, -1)) for layer in (self.q, self.k, self.v))
        scores = torch.einsum("bihd,bjhd->bhij", query, key).mul(0.5).softmax(-1)
        return self.fc(torch.einsum("bhij,bjhd->bihd", scores, value).flatten(2))

    parts = {"q": nn.Linear(6, 8), "k": nn.Linear(6, 8), "v": nn.Linear(6, 6), "fc": nn.Linear(6, 2)}
    space = checked(seeded(attend, **parts), TOKENS, flops=False)
    assert sizes(space) == {"q#1": 2, "q#2": 4, "v": 3}


@pytest.mark.parametrize(
    "product",
    [
        lambda s, h: torch.mv(s.w, h),
        lambda s, h: torch.addmv(s.u, s.w, h),
        lambda s, h: s.w @ h,
        lambda s, h: torch.stack([torch.dot(row, h) for row in s.w.unbind(0)]) + s.u,
        lambda s, h: torch.stack([torch.vdot(row, h) for row in s.w.unbind(0)]) + s.u,
    ],
)
def test_products_with_a_vector(product: Any) -> None:
    parts = {"a": nn.Linear(6, 8), "w": matrix(7, 8), "u": matrix(7), "fc": nn.Linear(7, 2)}
    space = checked(seeded(lambda s, x: s.fc(product(s, s.a(x))), **parts), TOKENS[0, 0])
    assert sizes(space)["a"] == 8
    assert "w[1]" in members(space, "a")


def test_rows_of_a_matrix_applied_to_a_vector_can_go() -> None:
    parts = {"a": nn.Linear(6, 8), "w": matrix(7, 8), "u": matrix(7), "fc": nn.Linear(7, 2)}
    space = checked(seeded(lambda s, x: s.fc(torch.addmv(s.u, s.w, s.a(x)).relu()), **parts), TOKENS[0, 0])
    assert members(space, "w") == {"w[0]", "u[0]", "fc.weight[1]"}


@pytest.mark.parametrize(
    "product",
    [
        lambda s, h: torch.outer(h, s.v).sum(0),
        lambda s, h: torch.tensordot(h, s.w, dims=([0], [0])),
        lambda s, h: torch.linalg.multi_dot([h[None], s.w])[0],
    ],
)
def test_products_made_of_other_products(product: Any) -> None:
    parts = {"a": nn.Linear(6, 8), "w": matrix(8, 7), "v": matrix(7), "fc": nn.Linear(7, 2)}
    space = checked(seeded(lambda s, x: s.fc(product(s, s.a(x))), **parts), TOKENS[0, 0], flops=False)
    assert sorted(sizes(space).values()) == [7, 8]


def test_channels_times_channels_side_by_side() -> None:
    """Four times three products, read by one layer: either factor can lose channels."""

    def cross(self: Any, x: Tensor) -> Tensor:
        return self.fc((self.a(x)[..., None] * self.b(x)[..., None, :]).flatten(2))

    space = checked(seeded(cross, a=nn.Linear(6, 4), b=nn.Linear(6, 3), fc=nn.Linear(12, 2)), TOKENS)
    assert sizes(space) == {"a": 4, "b": 3}
    assert units(space, "fc.weight", 1) == [(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3), (4, 5, 6) * 4]


def test_a_one_hot_product() -> None:
    model = seeded(lambda s, x: s.fc(functional.one_hot(x, 10).double() @ s.w), w=matrix(10, 8), fc=nn.Linear(8, 2))
    assert sizes(checked(model, torch.tensor([1, 2, 3]))) == {"w": 8}


def test_a_product_with_a_buffer_and_with_a_tensor_outside_the_model() -> None:
    inside = token_net(lambda s, h: h.sigmoid() @ s.fixed, 4, fixed=torch.ones(8, 4))
    assert sizes(checked(inside, TOKENS))["a"] == 8
    outside = torch.ones(8, 4, dtype=torch.float64)
    space = checked(token_net(lambda _, h: h @ outside, 4), TOKENS)
    assert reason(space) == "reads a tensor of fixed size"


@pytest.mark.parametrize(
    ("product", "op"),
    [
        (lambda s, h: torch.cdist(h, s.w), "_cdist_forward"),
        (lambda s, h: functional.bilinear(h, h, s.w[:, :, None].expand(7, 8, 8), None), "_trilinear"),
        (lambda s, h: torch.addbmm(s.v, h, h.transpose(1, 2)), "addbmm"),
    ],
)
def test_products_without_a_rule_freeze(product: Any, op: str) -> None:
    model = seeded(lambda s, x: product(s, s.a(x)).sum(), a=nn.Linear(6, 8), w=matrix(7, 8), v=matrix(5, 5))
    space = checked(model, TOKENS)
    assert sizes(space) == {}
    assert reason(space) == f"op '{op}' has no rule"
