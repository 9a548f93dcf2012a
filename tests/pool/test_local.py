"""Real processes: two workers, shared by the tests that leave them alive."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from chores import chore

from cpruner.errors import CostError, InputError, WorkerError
from cpruner.pool import Pool, Workers
from cpruner.pool.local import _one_each


def alive(pid: int) -> bool:
    """Whether a process runs (Linux): one that has ended but was not asked for its exit code yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pair() -> Iterator[Workers]:
    """Two workers with a GPU each, as far as the environment says: nothing touches one."""
    with pytest.MonkeyPatch.context() as world:
        world.setenv("CUDA_VISIBLE_DEVICES", "5,7")
        workers = Pool(backend="local", workers=2, threads=3, attempts=2).open(chore, cuda=True)
    with workers:
        yield workers


def both(workers: Workers, *item: str) -> list[object]:
    """What each of two workers says: two items are done at a time."""
    return list(workers.map([item] * 2))


def test_two_processes_work_and_results_are_in_order(pair: Workers) -> None:
    assert list(pair.map([("double", number) for number in range(20)])) == list(range(0, 40, 2))
    pids = both(pair, "pid")
    assert os.getpid() not in pids
    assert pair.beside


def test_each_sees_a_gpu_of_its_own_and_its_share_of_threads(pair: Workers) -> None:
    assert sorted(map(str, both(pair, "variable", "CUDA_VISIBLE_DEVICES"))) == ["5", "7"]
    assert both(pair, "threads") == [3, 3]
    assert both(pair, "variable", "OMP_NUM_THREADS") == ["3", "3"]


def test_ctrl_c_is_for_the_main_process(pair: Workers) -> None:
    before = sorted(map(str, both(pair, "pid")))
    assert both(pair, "press") == ["alive", "alive"]
    assert sorted(map(str, both(pair, "pid"))) == before


def test_a_worker_that_is_killed_is_replaced_and_its_item_done_again(pair: Workers, tmp_path: Path) -> None:
    before = {*both(pair, "pid")}
    items = [("double", 1), ("die", str(tmp_path / "mark")), ("double", 3), ("double", 4)]
    assert list(pair.map(items)) == [2, 1, 6, 8]
    assert len(before & {*both(pair, "pid")}) == 1  # the other one was not disturbed


def test_errors_come_back_as_they_are_and_the_workers_go_on(pair: Workers) -> None:
    with pytest.raises(CostError, match=r"^the meter is off$"):
        list(pair.map([("double", 1), ("fail", "the meter is off"), ("fail", "later")]))
    assert list(pair.map([("double", 8)])) == [16]


def test_an_item_that_kills_every_worker_is_named(pair: Workers, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"(?s)expected \('die', .* to be judged, got 2 workers .*SIGKILL"):
        list(pair.map([("die", str(tmp_path / "mark"), 9)]))


def test_an_idle_worker_may_die_unnoticed_and_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("cpruner-*"))
    with Pool(backend="local").open(chore) as workers:
        (pid,) = workers.map([("pid",)])
        os.kill(pid, 9)
        (new,) = workers.map([("pid",)])
        assert new != pid
    assert not alive(new)
    assert set(Path(tempfile.gettempdir()).glob("cpruner-*")) == before


def test_what_cannot_be_sent_is_refused_and_leaves_nothing_behind() -> None:
    before = set(Path(tempfile.gettempdir()).glob("cpruner-*"))
    lock = threading.Lock()
    with pytest.raises(InputError, match="sent to another process"):
        Pool(backend="local").open(lambda item: lock)
    assert set(Path(tempfile.gettempdir()).glob("cpruner-*")) == before


class TestGPUs:
    def test_the_ones_that_this_process_sees(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8a,1")
        assert _one_each(2) == ["3", "GPU-8a"]
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
        assert _one_each(4) == ["0", "1", "2", "3"]

    @pytest.mark.parametrize("visible", ["", "-1", "0"])
    def test_more_workers_than_gpus_are_refused(self, visible: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with pytest.raises(InputError, match=r"pool\.workers: expected at most one worker for each of the [01] GPUs"):
            Pool(backend="local", workers=2).open(abs, cuda=True)


SCRIPT = r"""
import os, signal, sys, time
from cpruner.pool import Pool

def wait(item):  # a function of the script, which has no guard
    os.write(1, b"%d\n" % os.getpid())  # in one piece, unlike print where Python does not buffer
    time.sleep(600)

signal.signal(signal.SIGINT, signal.default_int_handler)  # as a terminal has it; shells start jobs that ignore it
workers = Pool(backend="local", workers=2).open(wait)
with workers:
    list(workers.map([0, 1]))
"""


@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_however_the_main_process_ends_no_worker_is_left(end: str) -> None:
    command = [sys.executable, "-c", SCRIPT]
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert program.stdout is not None
    pids = [int(program.stdout.readline()) for _ in range(2)]
    if end == "SIGINT":
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to all of them
    else:
        program.kill()
    _, errors = program.communicate(timeout=60)
    for _ in range(100):
        if not any(map(alive, pids)):
            break
        time.sleep(0.1)
    assert not any(map(alive, pids))
    assert errors.count("KeyboardInterrupt") == (end == "SIGINT")
