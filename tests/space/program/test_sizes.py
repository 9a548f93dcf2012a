import math
from typing import Any

import pytest
import torch
from function import Function
from stating import Chunked, ClassToken, around, between, images, seeded, tokens
from thorough import thorough
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import Node
from cpruner.space import PruningSpace, trace
from cpruner.testing.blocks import Gate, ThinBlock


def node(space: PruningSpace, op: str) -> Node:
    """The only node of the only program that runs an op."""
    (program,) = space.plan.programs
    (found,) = [node for node in program.nodes if op in node.op]
    return found


def why(space: PruningSpace, tensor: str) -> str:
    return next(entry.reason for entry in space.frozen if entry.tensor == tensor and entry.axis == 0)


def units(space: PruningSpace, size: Any) -> list[int]:
    """Units that a stated size counts."""
    assert size[0] == "n"
    return space.plan.labels[size[1]].units_FN.max(0).tolist()


def normed(shape: tuple[int, ...]) -> nn.Module:
    """Layer norm called functionally, with parameters of the module itself."""
    return Function(
        lambda s, x: functional.layer_norm(s.fc(x), shape, s.w, s.b, 1e-3),
        fc=nn.Linear(5, 6), w=nn.Parameter(torch.linspace(0.5, 1.5, 6)), b=nn.Parameter(torch.linspace(-1, 1, 6)),
    )  # fmt: skip


def test_layer_norm_called_functionally() -> None:
    space = thorough(seeded(lambda: nn.Sequential(normed((6,)), nn.Linear(6, 3))), tokens())
    assert [(group.name, group.size, len(group.members)) for group in space.groups] == [("0.fc", 6, 5)]
    (source, sizes, *vectors, epsilon) = node(space, "layer_norm").args
    assert source[0] == "v"
    assert units(space, sizes[1]) == list(range(6))
    assert (vectors, epsilon) == ([("w", "w"), ("w", "b")], 1e-3)


def test_layer_norm_called_functionally_without_parameters() -> None:
    inner = Function(lambda s, x: functional.layer_norm(s.fc(x), (6,)), fc=nn.Linear(5, 6))
    space = thorough(seeded(lambda: nn.Sequential(inner, nn.Linear(6, 3))), tokens())
    assert node(space, "layer_norm").args[2:4] == (None, None)


def test_the_layer_itself_needs_no_program() -> None:
    space = thorough(seeded(lambda: nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 3))), tokens())
    assert space.plan.programs == ()
    assert [(size.module, size.attribute, size.form) for size in space.plan.attributes if size.form == "tuple"] == [
        ("1", "normalized_shape", "tuple")
    ]


@pytest.mark.parametrize(("groups", "size"), [(1, 8), (2, 4), (4, 4), (8, 8)])
def test_group_norm_called_functionally(groups: int, size: int) -> None:
    """Four groups of two go whole, so their number is counted; two of four lose the same positions each."""
    inner = Function(lambda s, x: functional.group_norm(s.c(x), groups), c=nn.Conv2d(3, 8, 1))
    space = thorough(seeded(lambda: nn.Sequential(inner, nn.Conv2d(8, 2, 1))), images())
    assert [(group.name, group.size) for group in space.groups] == [("0.c", size)]
    count = node(space, "group_norm").args[1]
    assert (units(space, count) if groups > 2 else count) == (list(range(groups)) if groups > 2 else groups)


@pytest.mark.parametrize(("heads", "dim", "scale"), [(2, 4, None), (4, 2, None), (2, 4, 0.3)])
def test_fused_attention_keeps_the_scale_of_the_dense_network(heads: int, dim: int, scale: float | None) -> None:
    """Which is 1 / sqrt(D) of all dimensions, also when fewer are left."""

    def forward(s: Any, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (heads, dim)).transpose(1, 2) for layer in (s.q, s.k, s.v))
        return s.o(functional.scaled_dot_product_attention(q, k, v, scale=scale).transpose(1, 2).flatten(2))

    def build() -> nn.Module:
        q, k, v = (nn.Linear(8, heads * dim) for _ in range(3))
        return between(Function(forward, q=q, k=k, v=v, o=nn.Linear(heads * dim, 8)))

    space = thorough(seeded(build), tokens())
    expected = [("0", 8), ("1.q#1", heads), ("1.q#2", dim), ("1.v", dim), ("1.o", 8)]
    assert [(group.name, group.size) for group in space.groups] == expected
    kwargs = dict(node(space, "attention").kwargs)
    assert kwargs["scale"] == pytest.approx(1 / math.sqrt(dim) if scale is None else scale)
    assert (kwargs["is_causal"], kwargs["attn_mask"]) == (False, None)


def test_fused_attention_passes_mask_and_causality_on() -> None:
    def masked(s: Any, x: Tensor) -> Tensor:
        q = s.a(x).view(*x.shape[:2], 2, 3).transpose(1, 2)
        return s.b(
            functional.scaled_dot_product_attention(q, q, q, attn_mask=s.mask).transpose(1, 2).reshape(*x.shape[:2], 6)
        )

    def causal(s: Any, x: Tensor) -> Tensor:
        q = s.a(x).view(*x.shape[:2], 2, 3).transpose(1, 2)
        return s.b(
            functional.scaled_dot_product_attention(q, q, q, is_causal=True).transpose(1, 2).reshape(*x.shape[:2], 6)
        )

    mask = torch.linspace(-1, 1, 16).reshape(4, 4)
    for forward, expected in ((masked, (("w", "mask"), False)), (causal, (None, True))):
        model = seeded(lambda f=forward: Function(f, a=nn.Linear(5, 6), b=nn.Linear(6, 3), mask=mask))
        space = thorough(model, tokens())
        kwargs = dict(node(space, "attention").kwargs)
        assert (kwargs["attn_mask"], kwargs["is_causal"]) == expected
        assert [group.size for group in space.groups] == [2, 3]


@pytest.mark.parametrize("spread", [lambda m, b, h: m.expand(b, h, 4, 4), lambda m, b, h: m.repeat(b, h, 1, 1)])
def test_a_mask_made_for_every_head_is_made_for_those_that_are_left(spread: Any) -> None:
    def forward(s: Any, x: Tensor) -> Tensor:
        q, k, v = (layer(x).view(*x.shape[:2], 2, 4).transpose(1, 2) for layer in (s.q, s.k, s.v))
        mask = spread(s.mask[None, None], len(x), 2)
        return s.o(functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))

    layers = {name: nn.Linear(5, 8) for name in "qkv"}
    mask = torch.linspace(-1, 1, 16).reshape(4, 4)
    space = thorough(seeded(lambda: Function(forward, **layers, o=nn.Linear(8, 2), mask=mask)), tokens())
    assert [(group.name, group.size) for group in space.groups] == [("q#1", 2), ("q#2", 4), ("v", 4)]
    (op,) = {node.op for node in space.plan.programs[0].nodes} & {"aten.expand.default", "aten.repeat.default"}
    assert units(space, node(space, op).args[1][2]) == [0, 1]


def test_what_is_repeated_along_its_own_channels_is_repeated_as_often_as_before() -> None:
    model = Function(lambda s, x: s.b(s.a(x)[..., :3].repeat(1, 1, 2)), a=nn.Linear(5, 6), b=nn.Linear(6, 2))
    space = thorough(seeded(lambda: model), tokens())
    assert node(space, "repeat").args[1] == ("list", 1, 1, 2)


def test_grouped_queries_stay_grouped() -> None:
    """Four heads of queries share two of keys and values, which the op itself deals out."""

    def forward(s: Any, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (-1, 3)).transpose(1, 2) for layer in (s.q, s.k, s.v))
        mixed = functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        return s.o(mixed.transpose(1, 2).flatten(2))

    model = Function(forward, q=nn.Linear(5, 12), k=nn.Linear(5, 6), v=nn.Linear(5, 6), o=nn.Linear(12, 2))
    space = thorough(seeded(lambda: model), tokens())
    assert [(group.name, group.size) for group in space.groups] == [("q#1", 2), ("q#2", 3), ("v", 3)]


def test_chunked_attention() -> None:
    space = thorough(seeded(lambda: between(Chunked())), tokens())
    assert [(group.size, len(group.members)) for group in space.groups] == [(8, 3), (2, 3), (4, 2), (4, 3), (8, 3)]


@pytest.mark.parametrize(("groups", "sizes"), [(8, (8, 8)), (4, (2, 4, 2, 8)), (2, (4, 2, 4, 8))])
def test_grouped_convolution_called_functionally(groups: int, sizes: tuple[int, ...]) -> None:
    """As many groups as fit the weight and the input."""
    weight = nn.Parameter(torch.linspace(-1, 1, 576 // groups).mul(9).sin().reshape(8, 8 // groups, 3, 3))
    inner = Function(lambda s, x: functional.conv2d(x, s.w, None, 1, 1, 1, groups) * 1.5, w=weight)
    model = seeded(lambda: nn.Sequential(nn.Conv2d(3, 8, 1), inner, nn.Conv2d(8, 8, 1), nn.Conv2d(8, 2, 1)))
    space = thorough(model, images())
    assert tuple(group.size for group in space.groups) == sizes
    assert node(space, "convolution").args[8] == ("groups", ("v", 0), ("w", "w"))


def test_a_grouped_transposed_convolution_called_functionally_keeps_its_groups() -> None:
    inner = Function(
        lambda s, x: functional.conv_transpose2d(x, s.w, None, 2, 0, 0, 4), w=nn.Parameter(torch.ones(8, 2, 2, 2))
    )
    space = thorough(seeded(lambda: around(inner)), images())
    assert [(group.size, "1.w[0]" in group.members, "1.w[1]" in group.members) for group in space.groups] == [
        (2, True, False),
        (2, False, True),
    ]


def test_option_a_in_a_block_pads_as_many_as_are_wanted() -> None:
    """Channels 2 to 5 come from below, 0, 1, 6 and 7 are padding: all of a block's channels can go."""
    space = thorough(seeded(lambda: around(ThinBlock(), 4, 8)), images())
    assert [(group.name, group.size) for group in space.groups] == [("0", 4), ("1.conv", 4)]
    (_, amounts, value) = node(space, "pad").args
    assert amounts[:5] == ("list", 0, 0, 0, 0)
    assert [units(space, amount) for amount in amounts[5:]] == [[4, 5], [6, 7]]
    assert value in (0, 0.0)


def test_padding_of_positions_is_left_alone() -> None:
    inner = Function(lambda s, x: functional.pad(s.c(x)[:, :4], (1, 2, 0, 1)), c=nn.Conv2d(8, 8, 1))
    space = thorough(seeded(lambda: around(inner, 8, 4)), images())
    assert node(space, "pad").args[1] == ("list", 1, 2, 0, 1)


def test_a_class_token_is_expanded_to_the_batch_of_the_call() -> None:
    space = thorough(seeded(ClassToken), tokens(), batches=(1, 2, 5))
    assert [(group.name, group.size, len(group.members)) for group in space.groups] == [("embed", 8, 5)]
    _, sizes = node(space, "expand").args
    assert sizes[1:3] == (("scaled", 2, 2), 1)


def test_a_reshaped_parameter_follows_what_is_kept() -> None:
    """A parameter of 2 heads times 3 dimensions is viewed as such."""

    def forward(s: Any, x: Tensor) -> Tensor:
        heads = s.a(x).view(*x.shape[:2], 2, 3)
        return s.b((heads * s.scale.view(2, 3) + heads.amax(2, keepdim=True)).flatten(2))

    model = seeded(
        lambda: Function(forward, a=nn.Linear(5, 6), b=nn.Linear(6, 3), scale=nn.Parameter(torch.linspace(0.5, 1.5, 6)))
    )
    space = thorough(model, tokens())
    assert [(group.size, len(group.members)) for group in space.groups] == [(2, 4), (3, 4)]
    assert "mixes this axis" not in str(space)


def test_a_tensor_of_fixed_size_keeps_its_stated_sizes() -> None:
    """The batch follows the call, everything else is as it was written."""

    def forward(s: Any, x: Tensor) -> Tensor:
        places = torch.arange(4, dtype=x.dtype).view(1, 4, 1).expand(x.shape[0], 4, 1)
        return s.b(torch.cat([x.reshape(x.shape[0], 2, 2, 5).flatten(1, 2), places], -1) * s.a(x)[..., :6])

    model = seeded(lambda: Function(forward, a=nn.Linear(5, 8), b=nn.Linear(6, 3)))
    space = thorough(model, tokens(), batches=(1, 4))
    assert [group.size for group in space.groups] == [2]


def test_modules_without_stated_sizes_have_no_program() -> None:
    space = trace(seeded(lambda: around(Gate(8, 3))), images())
    assert space.plan.programs == ()
