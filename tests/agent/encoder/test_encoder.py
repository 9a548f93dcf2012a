"""What every encoder must do."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cpruner.agent import Attention, Perceptron, Recurrent, Table
from cpruner.agent.sequences import Sequences

SPECS = [Perceptron(hidden=[6, 5]), Perceptron(hidden=[]), Recurrent(width=7), Attention(width=8, heads=2), Table()]
each = pytest.mark.parametrize("spec", SPECS, ids=repr)


def built(spec, seed=0, size=3, horizon=6):
    return spec.build(size, horizon, torch.Generator().manual_seed(seed))


def episodes(*lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, 3, generator=generator, dtype=torch.float64) for length in lengths]


def test_all_encoders_are_here():
    import cpruner.agent.encoder as room

    assert {name for name in room.__all__ if name not in ("Encoder", "EncoderSpec")} == {
        type(spec).__name__ for spec in SPECS
    }


@each
def test_features_of_every_step(spec):
    encoder = built(spec)
    feature_BF = encoder(Sequences.of(episodes(4, 6, 1)))
    assert feature_BF.shape == (11, encoder.size)
    assert feature_BF.dtype == torch.float64
    assert bool(torch.isfinite(feature_BF).all())


@each
@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_a_step_depends_on_no_other_episode_and_on_no_later_step(spec, one, other, seed):
    """Hence acting on the beginning of an episode sees what learning sees, padded or not."""
    encoder = built(spec, seed)
    first, second = episodes(one, other, seed=seed)
    together = encoder(Sequences.of([first, second]))[: len(first)]
    for steps in range(1, one + 1):
        alone = encoder(Sequences.of([first[:steps]]))
        assert torch.allclose(alone, together[:steps], atol=1e-12)


@each
def test_remembers_tells_whether_earlier_steps_matter(spec):
    encoder = built(spec)
    (seen,) = episodes(3)
    last = encoder(Sequences.of([seen]))[-1]
    alone = encoder(Sequences.of([seen[-1:]]))[-1]
    assert bool(torch.allclose(last, alone)) is not encoder.remembers


@each
def test_only_the_given_generator_is_drawn_from(spec):
    before = torch.get_rng_state()
    one, same = built(spec, 1), built(spec, 1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))


@pytest.mark.parametrize("spec", [spec for spec in SPECS if list(built(spec).parameters())], ids=repr)
def test_gradients_reach_every_weight(spec):
    encoder = built(spec)
    encoder(Sequences.of(episodes(4, 2))).square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
