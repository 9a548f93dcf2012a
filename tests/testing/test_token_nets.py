import pytest

from cpruner.space import trace
from cpruner.testing.net import Net
from cpruner.testing.token_nets import TOKEN_NETS

NET = {net.name: net for net in TOKEN_NETS}


def rows(net: Net, tensor: str, axis: int = 0) -> tuple[tuple[int, ...], ...]:
    """Units along one axis of a tensor, a tuple per factor."""
    plan = trace(net.build(), net.inputs()).plan
    (cut,) = [cut for cut in plan.cuts if (cut.tensor, cut.axis) == (tensor, axis)]
    return plan.labels[cut.labels].factors


def test_packed_rows_are_heads_and_dimensions() -> None:
    """Two heads are units 8 and 9, four dimensions of queries and keys 10 to 13, four of values 14 to 17."""
    heads = (*(8,) * 4, *(9,) * 4) * 3
    dimensions = (10, 11, 12, 13) * 4 + (14, 15, 16, 17) * 2
    assert rows(NET["packed attention"], "block.inner.qkv.weight") == (heads, dimensions)
    assert rows(NET["attention by hand"], "block.inner.qkv.weight") == (heads, dimensions)


def test_the_projection_reads_heads_and_dimensions_of_values() -> None:
    expected = ((*(8,) * 4, *(9,) * 4), (14, 15, 16, 17) * 2)
    assert rows(NET["packed attention"], "block.inner.proj.weight", 1) == expected


def test_a_head_of_keys_goes_with_both_its_heads_of_queries() -> None:
    heads, _ = rows(NET["grouped queries"], "block.inner.query.weight")
    assert heads == (8,) * 6 + (9,) * 6
    assert rows(NET["grouped queries"], "block.inner.key.weight")[0] == (8,) * 3 + (9,) * 3


def test_the_bias_of_relative_positions_follows_the_heads() -> None:
    assert rows(NET["windowed attention"], "block.inner.table", 1) == ((8, 9),)


@pytest.mark.parametrize(
    "name", ["block.norm.weight", "block.scale", "feed.scale", "norm.bias", "stem.first", "stem.place"]
)
def test_everything_along_the_residual_stream_goes_together(name: str) -> None:
    net = NET["vision transformer"]
    (stream, *_) = trace(net.build(), net.inputs()).groups
    assert any(member.startswith(f"{name}[") for member in stream.members)
