"""One choice of channels and what is done with it: the plan of surgery, surgery, reversible masks, the artefact."""

from cpruner.candidate.artefact import load, load_candidate, save_artefact
from cpruner.candidate.candidate import Candidate, keep_best
from cpruner.candidate.clone import clone, rebuilt
from cpruner.candidate.mask import masked, masked_copy
from cpruner.candidate.plan import FIXED, Cut, Labels, Plan, Size
from cpruner.candidate.program import Node, Pick, Program
from cpruner.candidate.surgery import Surgeon, materialise
from cpruner.candidate.tensors import named_tensors

__all__ = [
    "FIXED",
    "Candidate",
    "Cut",
    "Labels",
    "Node",
    "Pick",
    "Plan",
    "Program",
    "Size",
    "Surgeon",
    "clone",
    "keep_best",
    "load",
    "load_candidate",
    "masked",
    "masked_copy",
    "materialise",
    "named_tensors",
    "rebuilt",
    "save_artefact",
]
