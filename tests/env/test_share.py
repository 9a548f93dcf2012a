import numpy as np
import pytest
from tiny_task import SIZES, flops, space

from cpruner.env import Countable
from cpruner.env.share import check_share, draw, spread
from cpruner.errors import InputError

TIGHT = Countable(space(), (("flops", 0.5 * flops(*SIZES)),))


def test_shares_are_log_uniform_between_the_ends_and_a_tenth_is_at_either_end() -> None:
    generator = np.random.default_rng(0)
    drawn = np.array([draw(0.1, generator) for _ in range(4000)])
    for end in (0.1, 1.0):
        assert np.mean(drawn == end) == pytest.approx(0.1, abs=0.02)
    between = np.log(drawn[(drawn != 0.1) & (drawn != 1.0)]) / np.log(0.1)
    assert ((between > 0) & (between < 1)).all()
    np.testing.assert_allclose(np.quantile(between, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)


def test_without_an_interval_nothing_is_drawn() -> None:
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    assert draw(1.0, generator) == 1.0
    assert generator.bit_generator.state == before


def test_shares_of_several_episodes_cover_the_interval_evenly() -> None:
    np.testing.assert_allclose(spread(0.25, 3), [1.0, 0.5, 0.25])
    assert spread(0.25, 1).tolist() == [1.0]
    assert spread(1.0, 4).tolist() == [1.0] * 4


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="share of the limits: expected a number above 0, at most 1"):
        check_share(TIGHT, share)


def test_a_share_below_the_narrowest_network_is_refused() -> None:
    least = flops(1, 1, 1) / (0.5 * flops(*SIZES))
    check_share(TIGHT, 1.001 * least)
    with pytest.raises(InputError, match=f"expected at least {least:.4g}, the narrowest network"):
        check_share(TIGHT, 0.999 * least)


def test_the_whole_limits_are_never_refused() -> None:
    check_share(Countable(space(), (("flops", 1.0),)), 1.0)
    check_share(Countable(space(), ()), 0.01)
