"""What is done with one choice of channels: surgery, reversible masks, the artefact on disk."""

from cpruner.candidate.artefact import load, load_candidate, save_artefact
from cpruner.candidate.mask import masked
from cpruner.candidate.proof import proven
from cpruner.candidate.rewired import Rewired
from cpruner.candidate.surgery import materialise
from cpruner.space import Candidate

__all__ = ["Candidate", "Rewired", "load", "load_candidate", "masked", "materialise", "proven", "save_artefact"]
