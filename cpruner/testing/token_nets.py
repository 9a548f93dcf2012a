"""Small networks of tokens whose groups are known by hand: attention in its many forms, mixers, gated layers."""

from torch import nn

from cpruner.testing.attention_blocks import Attention, First, Patches, Residual, SelfAttention, SharedKeys, Windows
from cpruner.testing.mixing_blocks import Mixer, Swish
from cpruner.testing.net import Net, chain


def _feed(channels: int) -> nn.Module:
    return chain(a=nn.Linear(channels, 12), act=nn.GELU(), b=nn.Linear(12, channels))


def _tokens(**blocks: nn.Module) -> nn.Module:
    """Tokens of 6 to 8 channels, what is given, norm, linear."""
    return chain(stem=nn.Linear(6, 8), **blocks, norm=nn.LayerNorm(8), head=nn.Linear(8, 3))


def _mlp() -> nn.Module:
    return chain(a=nn.Linear(7, 12), act=nn.GELU(), b=nn.Linear(12, 9), gate=nn.Hardswish(), head=nn.Linear(9, 3))


def _packed() -> nn.Module:
    return _tokens(block=Residual(8, Attention(8, 2)), feed=Residual(8, _feed(8)))


def _by_hand() -> nn.Module:
    return _tokens(block=Residual(8, Attention(8, 2, fused=False), nn.RMSNorm))


def _vision() -> nn.Module:
    """One head per dimension's worth of two, a norm ahead of either part."""
    block, feed = Residual(8, Attention(8, 4)), Residual(8, _feed(8))
    return chain(stem=Patches(8, 4), block=block, feed=feed, norm=nn.LayerNorm(8), first=First(), head=nn.Linear(8, 3))


def _windows() -> nn.Module:
    return _tokens(block=Residual(8, Windows(8, 2, 2)))


_TOKENS = ((2, 5, 6),)
_HEAD = (("head.weight[0]", "output of the network"),)
_STEM = (*_HEAD, ("stem.weight[1]", "fixed size"))


def _attention(path: str, count: int, size: int) -> tuple[tuple[str, int], ...]:
    """Heads, dimensions of queries and keys, dimensions of values."""
    return (f"{path}#1", count), (f"{path}#2", size), (f"{path}#3", size)


TOKEN_NETS: tuple[Net, ...] = (
    Net("rows", _mlp, ((3, 7),), (("a", 12), ("b", 9)), _HEAD),
    Net("tokens", _mlp, ((2, 9, 7),), (("a", 12), ("b", 9)), _HEAD),
    Net(
        "packed attention",
        _packed,
        _TOKENS,
        (("stem", 8), *_attention("block.inner.qkv", 2, 4), ("feed.inner.a", 12)),
        _STEM,
    ),
    Net("attention by hand", _by_hand, _TOKENS, (("stem", 8), *_attention("block.inner.qkv", 2, 4)), _STEM),
    Net(
        "torch's attention",
        lambda: _tokens(block=Residual(8, SelfAttention(8, 2))),
        _TOKENS,
        (("stem", 8), *_attention("block.inner.inner", 2, 4)),
        _STEM,
    ),
    Net(
        "encoder layer",
        lambda: _tokens(block=nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)),
        _TOKENS,
        (("stem", 8), *_attention("block.self_attn", 2, 4), ("block.linear1", 12)),
        _STEM,
    ),
    Net(
        "grouped queries",
        lambda: _tokens(block=Residual(8, SharedKeys(8, 4, 2, 3))),
        _TOKENS,
        (("stem", 8), ("block.inner.query#1", 2), ("block.inner.query#2", 3), ("block.inner.value", 3)),
        _STEM,
    ),
    Net(
        "windowed attention",
        _windows,
        ((2, 4, 4, 6),),
        (("stem", 8), *_attention("block.inner.qkv", 2, 4)),
        (*_STEM, ("block.inner.table[0]", "places of a table")),
    ),
    Net(
        "vision transformer",
        _vision,
        ((2, 3, 8, 8),),
        (("stem.patch", 8), *_attention("block.inner.qkv", 4, 2), ("feed.inner.a", 12)),
        (*_HEAD, ("stem.place[1]", "fixed size")),
    ),
    Net(
        "mixer",
        lambda: _tokens(block=Mixer(5, 8)),
        _TOKENS,
        (("stem", 8), ("block.along.0", 7), ("block.across.0", 9)),
        _STEM,
    ),
    Net(
        "gated layer",
        lambda: _tokens(block=Residual(8, Swish(8, 10))),
        _TOKENS,
        (("stem", 8), ("block.inner.both", 10)),
        _STEM,
    ),
)
