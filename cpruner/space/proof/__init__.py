"""The proof: smaller networks against the dense one, and what fails it is frozen."""

from cpruner.space.proof.verify import Proof, prove, verify

__all__ = ["Proof", "prove", "verify"]
