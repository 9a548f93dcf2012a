import torch
from torch.optim import Adam

from cpruner.agent.adam import load_moments, moments


def make():
    weight = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    return weight, Adam([weight], lr=0.1)


def step(weight, optimiser):
    optimiser.zero_grad()
    (weight**2).sum().backward()
    optimiser.step()


def test_round_trip_continues_bit_identically_and_keeps_its_own_copy():
    weight, optimiser = make()
    for _ in range(3):
        step(weight, optimiser)
    saved, (other, resumed) = moments(optimiser), make()
    with torch.no_grad():
        other.copy_(weight)
    load_moments(resumed, saved)
    step(weight, optimiser)
    step(other, resumed)
    assert torch.equal(weight, other)
    assert saved["0"]["step"] == 3.0


def test_moments_before_the_first_step_are_empty():
    _, optimiser = make()
    assert moments(optimiser) == {}
    load_moments(optimiser, {})
    assert moments(optimiser) == {}
