import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Beta, Categorical, Normal, kl_divergence

from cpruner.agent.policy.law import Identity, Law, Levels, Sigmoid

GRID = torch.linspace(1e-6, 1 - 1e-6, 20001, dtype=torch.float64)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def gaussian(mean=(0.3, 0.8), std=(0.1, 0.2)):
    return Law(Normal(tensor(*mean)[None], tensor(*std)[None]), tensor(*mean)[None], Identity())


def squashed(mean=(0.3, -1.0), std=(0.5, 1.0)):
    return Law(Normal(tensor(*mean)[None], tensor(*std)[None]), torch.sigmoid(tensor(*mean))[None], Sigmoid())


def beta(one=(2.0, 0.8), other=(3.0, 1.5)):
    return Law(Beta(tensor(*one)[None], tensor(*other)[None]), tensor(0.4, 0.35)[None], Identity(1e-6))


def levels(logits=((0.0, 1.0, 2.0), (1.0, 0.0, -1.0))):
    return Law(Categorical(logits=tensor(*logits)[None]), tensor(1.0, 0.0)[None], Levels(3))


def mask(logits=(0.5, -2.0)):
    return Law(Bernoulli(logits=tensor(*logits)[None]), tensor(1.0, 0.0)[None], Levels(2))


LAWS = {"gaussian": gaussian(), "squashed": squashed(), "beta": beta(), "levels": levels(), "mask": mask()}
OTHERS = {
    "gaussian": gaussian((0.5, 0.5), (0.3, 0.1)),
    "squashed": squashed((0.0, 0.0), (1.0, 0.7)),
    "beta": beta((1.0, 2.0), (2.0, 2.0)),
    "levels": levels(((1.0, 1.0, 0.0), (0.0, 0.0, 1.0))),
    "mask": mask((0.0, 1.0)),
}
each = pytest.mark.parametrize("name", list(LAWS))


def samples(law, count=20000, seed=0):
    many = Law(law.components.expand((count, 2)), law.centre_BA.expand(count, 2), law.map)
    return many.sample(torch.Generator().manual_seed(seed))


def first(law):
    """The law of the first component alone."""
    parts = type(law.components)(**{
        name: getattr(law.components, name)[:, :1] for name in law.components.arg_constraints
        if name not in {"probs"} or "logits" not in law.components.arg_constraints
    })  # fmt: skip
    return Law(parts, law.centre_BA[:, :1], law.map)


@pytest.mark.parametrize("name", ["squashed", "beta"])
def test_a_density_on_the_unit_interval_integrates_to_one(name):
    density = first(LAWS[name]).log_prob(GRID[:, None]).exp()
    assert float(torch.trapezoid(density, GRID)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", ["squashed", "beta"])
def test_entropy_and_divergence_are_their_integrals(name):
    one, other = first(LAWS[name]), first(OTHERS[name])
    log_p, log_q = one.log_prob(GRID[:, None]), other.log_prob(GRID[:, None])
    assert float(one.entropy()) == pytest.approx(float(torch.trapezoid(-log_p.exp() * log_p, GRID)), abs=2e-3)
    integral = float(torch.trapezoid(log_p.exp() * (log_p - log_q), GRID))
    assert float(one.kl(other)) == pytest.approx(integral, abs=2e-3)


def test_gaussian_by_hand():
    law = gaussian()
    z = (tensor(0.5, 0.6) - tensor(0.3, 0.8)) / tensor(0.1, 0.2)
    expected = (-0.5 * z**2 - tensor(0.1, 0.2).log() - 0.5 * math.log(2 * math.pi)).sum()
    assert float(law.log_prob(tensor(0.5, 0.6)[None])) == pytest.approx(float(expected))
    assert float(law.entropy()) == pytest.approx(math.log(0.1 * 0.2) + math.log(2 * math.pi * math.e))
    # log(s / s_old) + (s_old^2 + (m_old - m)^2) / (2 s^2) - 1/2, twice
    kl = math.log(3.0) + (0.01 + 0.04) / 0.18 - 0.5 + math.log(0.5) + (0.04 + 0.09) / 0.02 - 0.5
    assert float(law.kl(OTHERS["gaussian"])) == pytest.approx(kl)


def test_levels_by_hand():
    law = levels()
    first, second = tensor(0.0, 1.0, 2.0).softmax(0), tensor(1.0, 0.0, -1.0).softmax(0)
    assert float(law.log_prob(tensor(0.5, 1.0)[None])) == pytest.approx(float((first[1] * second[2]).log()))
    assert float(law.log_prob(tensor(0.6, 0.9)[None])) == pytest.approx(float((first[1] * second[2]).log()))
    assert float(law.entropy()) == pytest.approx(float(-(first * first.log() + second * second.log()).sum()))


def test_mask_by_hand():
    law, p = mask(), torch.sigmoid(tensor(0.5, -2.0))
    assert float(law.log_prob(tensor(1.0, 0.0)[None])) == pytest.approx(float((p[0] * (1 - p[1])).log()))
    assert law.spread().tolist() == [pytest.approx(((p * (1 - p)) ** 0.5).tolist())]


@each
def test_samples_are_legal_and_have_the_stated_spread(name):
    law = LAWS[name]
    drawn = samples(law)
    if name != "gaussian":
        assert float(drawn.min()) >= 0.0
        assert float(drawn.max()) <= 1.0
    # the slope at the mean is a first-order answer where the map bends
    assert torch.allclose(drawn.std(0), law.spread()[0], rtol=0.35 if name == "squashed" else 0.03)
    assert bool(torch.isfinite(Law(law.components.expand((20000, 2)), law.centre_BA, law.map).log_prob(drawn)).all())


@each
def test_the_mean_log_probability_of_samples_is_the_negative_entropy(name):
    law = LAWS[name]
    many = Law(law.components.expand((20000, 2)), law.centre_BA, law.map)
    assert float(-many.log_prob(samples(law, seed=3)).mean()) == pytest.approx(float(law.entropy()), abs=0.03)


@each
def test_divergence_is_positive_and_none_from_itself(name):
    assert float(LAWS[name].kl(LAWS[name])) == pytest.approx(0.0, abs=1e-12)
    assert float(LAWS[name].kl(OTHERS[name])) > 0.01


@each
def test_only_the_given_generator_is_drawn_from(name):
    before = torch.get_rng_state()
    assert torch.equal(samples(LAWS[name], 5, seed=4), samples(LAWS[name], 5, seed=4))
    assert not torch.equal(samples(LAWS[name], 50, seed=4), samples(LAWS[name], 50, seed=5))
    generator = torch.Generator().manual_seed(4)
    one, two = (LAWS["gaussian"].sample(generator) for _ in range(2))
    assert not torch.equal(one, two)
    assert torch.equal(before, torch.get_rng_state())


@settings(max_examples=30)
@given(st.floats(0.0, 1.0), st.integers(2, 20))
def test_maps_lead_back(action, count):
    given_A = tensor(action)
    for map_ in (Identity(), Sigmoid(), Identity(1e-6)):
        assert float(map_.forward(map_.inverse(given_A))) == pytest.approx(action, abs=2e-6)
    nearest = float(Levels(count).forward(Levels(count).inverse(given_A)))
    assert abs(nearest - action) <= 0.5 / (count - 1) + 1e-12


@each
def test_the_divergence_is_torchs(name):
    expected = kl_divergence(LAWS[name].components, OTHERS[name].components).sum(-1)
    assert torch.equal(LAWS[name].kl(OTHERS[name]), expected)
