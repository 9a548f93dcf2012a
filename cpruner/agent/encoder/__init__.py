"""Encoders: from the observations of an episode to features of every step."""

from cpruner.agent.encoder.attention import Attention
from cpruner.agent.encoder.encoder import Encoder, EncoderSpec
from cpruner.agent.encoder.perceptron import Perceptron
from cpruner.agent.encoder.recurrent import Recurrent
from cpruner.agent.encoder.table import Table

__all__ = [
    "Attention",
    "Encoder",
    "EncoderSpec",
    "Perceptron",
    "Recurrent",
    "Table",
]
