import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_past import described
from tiny_task import env

from cpruner.cmdp import Episode
from cpruner.constraint import Reading
from cpruner.errors import InputError
from cpruner.evaluate import Score
from cpruner.history import rows
from cpruner.history.database import Database

NUMBERS = st.floats(allow_nan=False)


@settings(max_examples=20)
@given(st.data(), st.integers(1, 4), st.integers(1, 5), st.integers(1, 2), st.integers(0, 3))
def test_an_episode_comes_back_bit_by_bit(data: st.DataObject, steps: int, seen: int, done: int, costs: int) -> None:
    def drawn(*shape: int) -> np.ndarray:
        return data.draw(arrays(np.float64, shape, elements=NUMBERS))

    episode = Episode(drawn(steps, seen), drawn(steps, done), drawn(steps), drawn(steps, costs))
    back = rows.to_episode(rows.of_episode(episode))  # type: ignore[arg-type]
    for name in ("observation_TO", "action_TA", "reward_T", "cost_TK"):
        np.testing.assert_array_equal(getattr(back, name), getattr(episode, name), strict=True)
        assert getattr(back, name).flags.writeable


def test_numbers_are_little_endian_doubles_row_by_row() -> None:
    episode = Episode(np.array([[1.0, 2.0], [3.0, 4.0]]).T, np.ones((2, 1)), np.zeros(2), np.zeros((2, 0)))
    row = rows.of_episode(episode)
    assert np.frombuffer(row["observations"], "<f8").tolist() == [1.0, 3.0, 2.0, 4.0]
    assert (row["steps"], row["observation_size"], row["action_size"], row["costs"]) == (2, 2, 1, 0)
    assert row["cost_values"] == b""


def test_an_order_of_channels_comes_back() -> None:
    order = ((2, 0, 1), (0,), (3, 1, 0, 2))
    assert rows.of_order(order)[:8] == b"\x02\x00\x00\x00\x00\x00\x00\x00"
    assert rows.to_order(rows.of_order(order), (3, 1, 4)) == order


@pytest.mark.parametrize(
    "reading", [Reading("latency", "ms", 3.1, 0.2, 4.0, 9.0), Reading("a b", "", 0.0, 0.0, 1.0, 2.0)]
)
def test_a_reading_comes_back(reading: Reading) -> None:
    assert rows.to_reading(rows.of_reading(reading)) == reading  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [Score(0.1 + 0.2, math.inf, 7), Score(0.5, 1.5, 10, 0.25, 0.75)])
def test_a_score_and_a_run_come_back_through_the_file(score: Score, tmp_path: Path) -> None:
    run = described(env())
    with Database(tmp_path / "history.sqlite").writing() as connection:
        rows.insert(connection, "ranking", {"digest": run.order_digest, "channels": rows.of_order(run.order)})
        number = rows.insert(connection, "run", rows.of_run(run, "2026-01-01T00:00:00+00:00"))
        told = {"accuracy": score.accuracy, "loss": score.loss, "divergence": score.divergence, "images": score.images}
        key = {"run": number, "number": 1, "widths": "[]", "abandoned": score.abandoned, "complete": 1, "feasible": 1}
        rows.insert(connection, "evaluation", {**key, **told})
        assert rows.to_score(connection.execute("SELECT * FROM evaluation").fetchone()) == score
        back = rows.to_run(connection.execute("SELECT * FROM run").fetchone(), [], rows.of_order(run.order))
    assert (back.id, back.started) == (1, "2026-01-01T00:00:00+00:00")
    assert (back.conditions, back.order, back.groups, back.alike) == (run.conditions, run.order, run.groups, run.alike)


def test_a_key_that_is_there_is_refused_or_left(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite")
    with database.writing() as connection:
        rows.insert(connection, "ranking", {"digest": "a", "channels": b"1"})
        rows.insert(connection, "ranking", {"digest": "a", "channels": b"2"}, known="IGNORE")
        assert connection.execute("SELECT channels FROM ranking").fetchone()[0] == b"1"
    with pytest.raises(InputError, match="UNIQUE"), database.writing() as connection:
        rows.insert(connection, "ranking", {"digest": "a", "channels": b"2"})
