import pytest
import torch

from cpruner.agent import Attention, Gaussian, Perceptron, Table
from cpruner.agent.policy import Policy
from cpruner.agent.sequences import Sequences
from cpruner.cmdp import Problem

PROBLEM = Problem(3, 2, 4)


def made(encoder):
    return Policy(PROBLEM, encoder, Gaussian(), torch.Generator().manual_seed(0))


def seen(*lengths):
    return Sequences.of([
        torch.randn(length, 3, generator=torch.Generator().manual_seed(length), dtype=torch.float64)
        for length in lengths
    ])  # fmt: skip


@pytest.mark.parametrize("encoder", [Perceptron(), Attention(), Table()], ids=repr)
def test_last_is_the_last_step_of_every_episode(encoder):
    policy, episodes = made(encoder), seen(3, 1, 4)
    assert torch.equal(policy.last(episodes).centre_BA, policy(episodes).centre_BA[[2, 3, 7]])


@pytest.mark.parametrize(("encoder", "expected"), [(Perceptron(), False), (Attention(), True)])
def test_it_remembers_if_its_encoder_does(encoder, expected):
    assert made(encoder).remembers is expected


def test_annealing_is_passed_on():
    policy = made(Perceptron())
    before = policy(seen(2)).spread()
    policy.anneal()
    assert torch.allclose(policy(seen(2)).spread(), 0.98 * before)
