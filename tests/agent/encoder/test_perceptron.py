import pytest
import torch

from cpruner.agent import Perceptron
from cpruner.agent.sequences import Sequences
from cpruner.errors import InputError


def test_layers_by_hand():
    encoder = Perceptron(hidden=[4, 2], gain=3.0).build(3, 5, torch.Generator().manual_seed(0))
    observation_TO = torch.tensor([[0.1, -0.2, 0.3]], dtype=torch.float64)
    first, second = encoder.body[0][0], encoder.body[0][2]
    expected = torch.tanh(second(torch.tanh(first(observation_TO))))
    assert torch.equal(encoder(Sequences.of([observation_TO])), expected)
    assert float(torch.linalg.matrix_norm(first.weight, ord=2).detach()) == pytest.approx(3.0)
    assert float(torch.linalg.matrix_norm(second.weight, ord=2).detach()) == pytest.approx(1.0)


def test_without_hidden_layers_the_observation_is_the_features():
    encoder = Perceptron(hidden=[]).build(3, 5, torch.Generator())
    observation_TO = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert encoder.size == 3
    assert torch.equal(encoder(Sequences.of([observation_TO])), observation_TO)
    assert list(encoder.parameters()) == []


def test_widths_are_checked():
    with pytest.raises(InputError, match=r"Perceptron\.hidden: expected positive widths, got \[8, 0\]"):
        Perceptron(hidden=[8, 0])
