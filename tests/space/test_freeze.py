import numpy as np
import pytest
from few import few
from invariants import check
from stating import Packed, between, seeded, tokens
from thorough import arbitrary
from torch import nn

from cpruner.candidate import materialise
from cpruner.space import freeze, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
MANY = [net for net in NETS if len(net.groups) > 1]


@pytest.mark.parametrize("net", few(MANY))
def test_what_is_left_still_keeps_the_invariants(net) -> None:
    model, inputs = net.build(), net.inputs()
    space = trace(model, inputs)
    for gone in range(len(space.groups)):
        left = freeze(space, {gone: "why"})
        assert left.groups == space.groups[:gone] + space.groups[gone + 1 :]
        assert left.sizes == space.sizes[:gone] + space.sizes[gone + 1 :]
        assert left.ranking == space.ranking[:gone] + space.ranking[gone + 1 :]
        check(model, inputs, left, left.smallest())
        check(model, inputs, left, left.random(np.random.default_rng(gone)))


@pytest.mark.parametrize("net", few(MANY))
def test_the_counts_are_those_of_the_space_with_the_group_dense(net) -> None:
    space = trace(net.build(), net.inputs())
    left = freeze(space, {0: "why"})
    assert left.count(left.smallest()) == space.algebra.counts((space.sizes[0], *space.smallest().widths[1:]))


def test_the_reason_stands_at_every_axis_of_the_group() -> None:
    space = trace(NET["residual"].build(), NET["residual"].inputs())
    left = freeze(space, {1: "it is needed"})
    said = {f"{entry.tensor}[{entry.axis}]" for entry in left.frozen if entry.reason == "it is needed"}
    assert said == set(space.groups[1].members)
    assert all(entry.kept == entry.size == 6 for entry in left.frozen if entry.reason == "it is needed")


def test_a_partly_frozen_axis_counts_what_the_group_had_there() -> None:
    space = trace(NET["dense block"].build(), NET["dense block"].inputs())
    (entry,) = [e for e in freeze(space, {1: "why"}).frozen if e.tensor == "bn.weight"]
    assert (entry.size, entry.kept) == (14, 4)


def test_a_rewritten_module_runs_its_own_code_again_when_its_channels_stay() -> None:
    model, inputs = NET["channel shuffle"].build(), NET["channel shuffle"].inputs()
    space = trace(model, inputs)
    assert [program.module for program in space.plan.programs] == ["shuffle"]
    left = freeze(space, {0: "why"})
    assert left.plan.programs == ()
    assert left.rewritten == ()
    assert type(materialise(model, left.smallest()).shuffle) is type(model.shuffle)


def test_a_program_stays_as_long_as_it_states_something_that_can_go() -> None:
    """Attention without its heads, then without the dimensions of values, then without any of its groups."""
    model, x = seeded(lambda: between(Packed())), tokens()
    space = trace(model, x)
    assert space.sizes == (8, 2, 4, 4, 8)
    for gone, programs in (((1,), 1), ((1, 3), 1), ((0, 1, 2, 3), 0), ((0, 1, 2, 3, 4), 0)):
        left = freeze(space, dict.fromkeys(gone, "why"))
        assert len(left.plan.programs) == len(left.rewritten) == programs
        for ratio in (0.0, 0.5, 1.0):
            check(model, (x,), left, left.uniform(ratio))
        check(model, (x,), left, arbitrary(left, np.random.default_rng(0)))


def test_frozen_heads_leave_axes_with_one_factor() -> None:
    space = trace(seeded(lambda: between(Packed())), tokens())
    left = freeze(space, {1: "why"})
    (cut,) = left.plan.cuts_of["1.proj.weight"][1:]
    assert left.plan.labels[cut.labels].units_FN.max(0).tolist() == [12, 13, 14, 15] * 2
    entries = {(e.tensor, e.axis): e.kept for e in left.frozen if e.reason == "why"}
    assert entries == {("1.qkv.weight", 0): 24, ("1.qkv.bias", 0): 24, ("1.proj.weight", 1): 8}
    assert left.count(left.smallest()) == space.algebra.counts((1, 2, 1, 1, 1))


def test_norms_of_what_is_left_still_point_at_their_labels() -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    space = trace(model, tokens())
    for gone in (0, 1):
        left = freeze(space, {gone: "why"})
        check(model, (tokens(),), left, left.smallest())


def test_nothing_frozen_is_the_same_space() -> None:
    space = trace(NET["grouped"].build(), NET["grouped"].inputs())
    assert freeze(space, {}) == space


def test_everything_frozen() -> None:
    model, inputs = NET["grouped"].build(), NET["grouped"].inputs()
    space = trace(model, inputs)
    left = freeze(space, dict.fromkeys(range(len(space.groups)), "why"))
    assert left.groups == ()
    assert left.count(left.dense()) == space.count(space.dense())
    check(model, inputs, left, left.dense())
