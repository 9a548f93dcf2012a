"""The Hydra configuration tree: one folder per room, installed as ``cpruner.conf``.

This file makes the tree an importable package, which Hydra's ``pkg://cpruner.conf`` and an editable install both need.
"""
