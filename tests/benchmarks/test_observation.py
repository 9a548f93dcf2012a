import numpy as np
import pytest
from observation import markdown, probed, without

from cpruner.cmdp import Episode
from cpruner.env import entry_names

NAMES = entry_names(("flops",))
FORESEEN = [NAMES.index(name) for name in NAMES if name not in entry_names(("flops",), sensitivities=False)]


def episodes(count: int, told: int) -> list[Episode]:
    """Three steps; one entry tells the return at the last of them, the others nothing."""
    random, made = np.random.default_rng(0), []
    for _ in range(count):
        action_T, observation_TO = random.random(3), np.zeros((3, len(NAMES)))
        observation_TO[2, told] = action_T.sum()
        made.append(Episode(observation_TO, action_T[:, None], np.array([0, 0, action_T.sum()]), np.zeros((3, 1))))
    return made


def test_who_does_not_see_the_predictions_sees_everything_else() -> None:
    (one,) = episodes(1, FORESEEN[-1])
    blind = without(one, FORESEEN)
    assert blind.observation_TO.shape == (3, len(NAMES) - 4)
    assert not blind.observation_TO.any()
    np.testing.assert_array_equal(without(one, []).observation_TO, one.observation_TO)


@pytest.mark.parametrize("predicted", [True, False])
def test_what_is_lost_without_them(predicted: bool) -> None:
    told = FORESEEN[-1] if predicted else NAMES.index("mean ratio so far")
    found = probed(episodes(60, told), ("flops",))
    assert found["with predictions"]["r2_T"][-1] == pytest.approx(1.0, abs=1e-3)
    assert found["with predictions"]["heaviest"] == NAMES[told]
    assert (found["without"]["r2_T"][-1] < 0.5) == predicted


def test_the_table_has_a_line_for_everybody_and_everything_seen() -> None:
    row = {"distinct": 60, "r2_T": [0.1, 0.25, 0.5], "pooled_r2": 0.3}
    table = markdown([("x", {"players": {"random": {"with": row, "without": row}}})])
    assert table.splitlines()[2] == "| x | 60 of random | with | 0.25 | 0.50 | 0.30 |"
    assert len(table.splitlines()) == 4
