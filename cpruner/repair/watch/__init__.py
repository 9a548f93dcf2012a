"""Products with a parameter, seen below the modules, and what becomes of them."""

from cpruner.repair.watch.listener import Listener, Use
from cpruner.repair.watch.meter import bytes_of
from cpruner.repair.watch.product import Product
from cpruner.repair.watch.trail import Trail
from cpruner.repair.watch.watch import watched

__all__ = ["Listener", "Product", "Trail", "Use", "bytes_of", "watched"]
