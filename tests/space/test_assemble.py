from typing import Any

import pytest
import torch
from few import few
from function import Function
from invariants import check
from stating import Packed, between, seeded, tokens
from torch import Tensor, nn

from cpruner.space import FIXED, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.mark.parametrize("net", few(NETS))
def test_dense_counts_are_those_of_the_network(net) -> None:
    model = net.build()
    space = trace(model, net.inputs())
    assert space.count(space.dense()).params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("net", few(NETS))
def test_cuts_name_real_axes_and_their_units(net) -> None:
    model = net.build()
    plan = trace(model, net.inputs()).plan
    tensors = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    met: set[int] = set()
    for cut in plan.cuts:
        units = set(plan.labels[cut.labels].units_FN.flatten().tolist())
        assert tensors[cut.tensor].shape[cut.axis] == len(plan.labels[cut.labels])
        assert units <= {FIXED, *range(int(plan.offsets[-1]))}
        assert units != {FIXED}
        met |= units
    assert met >= set(range(sum(plan.sizes)))
    assert len(set(plan.labels)) == len(plan.labels)


@pytest.mark.parametrize("net", few(NETS))
def test_attributes_count_what_stays(net) -> None:
    model = net.build()
    plan = trace(model, net.inputs()).plan
    assert len({(size.module, size.attribute) for size in plan.attributes}) == len(plan.attributes)
    for size in plan.attributes:
        count = len(plan.labels[size.labels])
        expected = (count,) if size.form == "tuple" else count
        assert getattr(model.get_submodule(size.module), size.attribute) == expected


@pytest.mark.parametrize("net", few(NETS))
def test_groups_are_those_of_the_plan(net) -> None:
    space = trace(net.build(), net.inputs())
    assert tuple((group.name, group.size) for group in space.groups) == tuple(
        zip(space.plan.names, space.plan.sizes, strict=True)
    )
    for number, group in enumerate(space.groups):
        cuts = [f"{cut.tensor}[{cut.axis}]" for cut in space.plan.cuts if number in space.plan.groups_of[cut.labels]]
        assert list(group.members) == cuts


def test_heads_and_dimensions_are_groups_of_the_same_axes() -> None:
    """Two heads of four: both appear in the rows of the projection, dimensions of queries not in what reads values."""
    space = trace(seeded(lambda: between(Packed())), tokens())
    members = {group.name: set(group.members) for group in space.groups}
    rows = {"1.qkv.weight[0]", "1.qkv.bias[0]"}
    assert members["1.qkv#1"] == members["1.qkv#3"] == rows | {"1.proj.weight[1]"}
    assert members["1.qkv#2"] == rows
    labels = {(cut.tensor, cut.axis): space.plan.labels[cut.labels].factors for cut in space.plan.cuts}
    head, inner, outer = (list(range(low, low + size)) for low, size in ((8, 2), (10, 4), (14, 4)))
    heads = tuple(h for _ in range(3) for h in head for _ in range(4))
    dims = tuple(d for part in (inner, inner, outer) for _ in head for d in part)
    assert labels["1.qkv.weight", 0] == (heads, dims)
    assert labels["1.proj.weight", 1] == (heads[:8], tuple(outer * 2))


def test_norms_are_listed_in_the_order_in_which_they_run() -> None:
    """A layer norm of the channels that can go, one of fixed size, a mean of positions, and group norm of pairs."""

    def forward(s: Any, x: Tensor) -> Tensor:
        h = s.fixed(x)
        h = s.norm(s.a(h))
        pairs = s.group(s.b(h).transpose(1, 2))
        return s.c(pairs.mean(2))

    model = Function(
        forward, fixed=nn.LayerNorm(5), a=nn.Linear(5, 6), norm=nn.LayerNorm(6), b=nn.Linear(6, 8),
        group=nn.GroupNorm(4, 8), c=nn.Linear(8, 2),
    )  # fmt: skip
    space = trace(model, tokens())
    units = [
        None if n.channels is None else space.plan.labels[n.channels].units_FN.max(0).tolist() for n in space.norms
    ]
    assert units == [None, [0, 1, 2, 3, 4, 5], [6, 6, 7, 7, 8, 8, 9, 9], None]
    assert space.norms[2].groups is not None
    assert space.plan.labels[space.norms[2].groups].factors == ((6, 7, 8, 9),)
    assert [norm.axis for norm in space.norms[1:3]] == [-1, 1]
    assert {(size.module, size.attribute, size.form) for size in space.plan.attributes if "_" in size.attribute} >= {
        ("norm", "normalized_shape", "tuple"),
        ("group", "num_channels", "int"),
        ("group", "num_groups", "int"),
    }


@pytest.mark.parametrize(("multiple_of", "steps"), [(1, (1, 1, 1, 1, 1)), (8, (8, 2, 8, 8, 8)), (6, (6, 3, 6, 6, 6))])
def test_a_head_is_already_several_channels_wide(multiple_of: int, steps: tuple[int, ...]) -> None:
    """Rows of a head come in fours, so that two heads are eight channels and three heads twelve."""
    space = trace(seeded(lambda: between(Packed())), tokens(), multiple_of=multiple_of)
    assert tuple(group.step for group in space.groups) == steps


def test_parameters_that_do_not_run_and_single_numbers_are_listed_as_frozen() -> None:
    model = Function(
        lambda s, x: s.b(s.a(x) * s.scale), a=nn.Linear(5, 6), b=nn.Linear(6, 2), scale=nn.Parameter(torch.ones(1)),
        spare=nn.Linear(3, 1, bias=False),
    )  # fmt: skip
    reasons = {(e.tensor, e.axis, e.kept): e.reason for e in trace(model, tokens()).frozen}
    assert reasons["spare.weight", 0, 1] == reasons["spare.weight", 1, 3]
    assert reasons["spare.weight", 1, 3].startswith("not run, neither in eval nor in training mode: it keeps its size")
    assert reasons["scale", 0, 1] == "a single number"


def test_rewritten_modules_are_those_with_a_program() -> None:
    space = trace(NET["option A in a block"].build(), NET["option A in a block"].inputs())
    assert (
        [entry.module for entry in space.rewritten] == [program.module for program in space.plan.programs] == ["block"]
    )


def test_several_groups_of_one_module_are_numbered() -> None:
    """Positions 0 and 1 of a grouped convolution pair channels of a, positions 2 and 3 pair a with b."""
    model = Function(
        lambda s, x: s.d(torch.cat([s.a(x), s.b(x)], 1)).mean((2, 3)) @ s.w,
        a=nn.Conv2d(3, 6, 1), b=nn.Conv2d(3, 2, 1), d=nn.Conv2d(8, 8, 1, groups=2), w=nn.Parameter(torch.ones(8, 2)),
    )  # fmt: skip
    names = [group.name for group in trace(model, torch.ones(1, 3, 2, 2, dtype=torch.float64)).groups]
    assert names == ["a#1", "a#2", "d"]


def test_a_group_is_named_after_what_makes_its_channels_not_what_reads_them() -> None:
    assert [group.name for group in trace(NET["parameters"].build(), NET["parameters"].inputs()).groups] == ["conv"]
    model = Function(
        lambda s, x: (x @ s.w).relu() @ s.v, w=nn.Parameter(torch.ones(3, 6)), v=nn.Parameter(torch.ones(6, 2))
    )
    assert [group.name for group in trace(model, torch.ones(1, 3, dtype=torch.float64)).groups] == ["w"]


def test_a_shared_parameter_is_counted_once() -> None:
    model = Function(
        lambda s, x: s.fc(nn.functional.linear(s.a(x).relu(), s.a.weight.t())), a=nn.Linear(4, 6), fc=nn.Linear(4, 2)
    )
    space = trace(model, torch.ones(1, 4, dtype=torch.float64))
    assert space.sizes == (6,)
    assert space.count(space.uniform(0.5)).params == 3 * 4 + 3 + 4 * 2 + 2
    assert space.count(space.uniform(0.5)).macs == 2 * 3 * 4 + 4 * 2


def test_a_group_of_a_parametrised_layer_is_named_after_the_layer() -> None:
    model = Function(
        lambda s, x: s.b(s.a(x)), a=nn.utils.parametrizations.weight_norm(nn.Linear(5, 6)), b=nn.Linear(6, 2)
    )
    space = trace(model, tokens())
    assert [(group.name, group.size) for group in space.groups] == [("a", 6)]
    assert {(size.module, size.attribute) for size in space.plan.attributes} == {
        ("a", "out_features"),
        ("b", "in_features"),
    }


def test_an_attribute_that_does_not_state_the_size_of_its_axis_stays() -> None:
    """A convolution in groups, whose weight other code uses as that of a plain one."""
    own = {"a": nn.Conv2d(3, 8, 1), "odd": nn.Conv2d(16, 8, 1, groups=2), "fc": nn.Linear(8, 2)}
    model = Function(lambda s, x: s.fc(nn.functional.conv2d(s.a(x), s.odd.weight).mean((2, 3))), **own).double()
    space = trace(model, torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    stated = {(size.module, size.attribute) for size in space.plan.attributes}
    assert ("odd", "out_channels") in stated
    assert ("odd", "in_channels") not in stated
    check(model, (torch.ones(2, 3, 4, 4, dtype=torch.float64),), space, space.uniform(0.5))
