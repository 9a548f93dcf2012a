"""What the ``cpruner`` command does around ``prune``: job, dense network, screen, report, fresh-process certificate."""

from cpruner.command.dense import dense_network
from cpruner.command.diagnose import diagnose
from cpruner.command.job import Job
from cpruner.command.run import execute, link_latest, resumable

__all__ = ["Job", "dense_network", "diagnose", "execute", "link_latest", "resumable"]
