import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cpruner.report import EventLog


def test_numbers_can_be_read_back(tmp_path):
    with EventLog(tmp_path / "events") as log:
        log.scalars(1, {"reward": 0.5, "cost/flops": 1})
        log.scalars(2, {"reward": 0.75})
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert sorted(events.Tags()["scalars"]) == ["cost/flops", "reward"]
    assert [(event.step, event.value) for event in events.Scalars("reward")] == [(1, 0.5), (2, 0.75)]


def test_outside_the_block_nothing_is_written(tmp_path):
    log = EventLog(tmp_path / "events")
    log.scalars(1, {"reward": 0.5})
    assert not (tmp_path / "events").exists()


def test_events_before_an_error_are_kept(tmp_path):
    def fail():
        with EventLog(tmp_path) as log:
            log.scalars(1, {"reward": 0.5})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(EventAccumulator(str(tmp_path)).Reload().Scalars("reward")) == 1


@pytest.mark.slow
def test_fresh_interpreter_warns_of_nothing(tmp_path):
    code = f"from cpruner.report import EventLog\nwith EventLog({str(tmp_path)!r}) as log: log.scalars(1, {{'a': 1.0}})"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
