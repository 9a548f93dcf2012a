"""Small networks whose groups are known by hand: for tests of cpruner and of your own rules for new ops.

One network per way in which channels are tied. Every network runs in a millisecond; ``NETS`` holds them all.
"""

from cpruner.testing.image_nets import IMAGE_NETS
from cpruner.testing.net import Net, randomise
from cpruner.testing.token_nets import TOKEN_NETS

__all__ = ["NETS", "Net", "randomise"]

NETS: tuple[Net, ...] = (*IMAGE_NETS, *TOKEN_NETS)
