import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_task import SIZES, env, judgement, space

from cpruner.constraint import Reading
from cpruner.env import Judgement, pack, unpack
from cpruner.errors import CprunerError
from cpruner.evaluate import Score
from cpruner.space import Candidate

numbers = st.floats(1e-6, 1e9)
groups = st.tuples(*(st.sets(st.integers(0, size - 1), min_size=1) for size in SIZES))


def test_a_record_is_plain() -> None:
    assert pack(judgement((1, 2, 1), 0.25, 2.5, flops=0.75)) == {
        "kept": [[0], [0, 1], [0]],
        "score": {"accuracy": 0.25, "loss": 2.5, "images": 10, "divergence": None, "abandoned": None},
        "readings": [{"name": "flops", "unit": "W", "value": 75.0, "spread": 0.0, "limit": 100.0, "dense": 200.0}],
    }


@given(kept=groups, accuracy=st.floats(0, 1), loss=st.floats(0, allow_nan=False), value=numbers, limit=numbers)
def test_what_is_packed_comes_back(
    kept: tuple[set[int], ...], accuracy: float, loss: float, value: float, limit: float
) -> None:
    candidate = Candidate(tuple(tuple(sorted(group)) for group in kept), space().plan)
    readings = (Reading("energy", "mJ", value, 0.5, limit, 7.0), Reading("flops", "", 1.0, 0.0, 2.0, 3.0))
    original = Judgement(candidate, Score(accuracy, loss, 180), readings)
    assert unpack(json.loads(json.dumps(pack(original))), space().plan) == original


def test_a_judgement_survives_a_file_read_without_unpickling_objects() -> None:
    original = env().judge(space().uniform(0.6))
    file = io.BytesIO()
    torch.save(pack(original), file)
    file.seek(0)
    back = unpack(torch.load(file, weights_only=True), space().plan)
    assert back == original
    assert (back.feasible, back.violation) == (original.feasible, original.violation)


def test_channels_the_network_does_not_have_are_refused() -> None:
    record = pack(judgement((1, 1, 1)))
    for kept in ([[0], [0]], [[0], [6], [0]], [[0], [], [0]]):
        with pytest.raises(CprunerError, match=r"candidate|kept channels of group '3'"):
            unpack({**record, "kept": kept}, space().plan)


def test_records_are_unpacked_for_its_own_network() -> None:
    posed = env()
    posed.reset()
    for _ in SIZES:
        posed.step(np.array([0.5]))
    assert posed.unpack(pack(posed.judged)) == posed.judged
