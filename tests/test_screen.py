import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tiny_task import judgement, space

from cpruner.constraint import Reading
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog
from cpruner.report import EventLog
from cpruner.screen import Screen, keep_ratios, ratio_scalars
from cpruner.search import Progress, Update
from cpruner.watch import Watcher

ERASED, SHOW_CURSOR = "\x1b[2K", "\x1b[?25h"
UPDATE = Update(2, 0.5, {"flops": 0.9}, {"flops": 1.5}, {"entropy": 0.25})


class Events:
    """An event log that remembers."""

    def __init__(self) -> None:
        self.written: list[tuple[int, dict[str, float]]] = []

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self.written.append((step, dict(values)))


@pytest.fixture
def events() -> Any:
    return Events()


@pytest.fixture
def screen(events: Any) -> Screen:
    return Screen(Console(file=io.StringIO(), width=120), events)


def terminal() -> Console:
    return Console(file=io.StringIO(), width=120, force_terminal=True, _environ={"TERM": "xterm"})


def ratio_tags(search: str) -> list[str]:
    return [f"{search}/ratio/{group.name}" for group in space().groups]


def shown(screen: Screen) -> str:
    file = screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_phases_and_the_dense_network_are_shown(screen: Screen) -> None:
    screen.phase("prepare")
    reading = Reading("flops", "FLOPs", 200.0, 0.0, 100.0, 200.0)
    screen.prepared(space(), [reading, Reading("nameless", "", 3.0, 0.0, 2.0, 3.0)], Score(0.875, 0.3, 8))
    text = shown(screen)
    assert text.startswith("prepare\ndense network: search accuracy 87.50%\n  flops: 200 FLOPs, limit 100\n")
    assert "nameless: 3, limit 2\n" in text
    assert text.endswith(f"nameless: 3, limit 2\n{str(space()).splitlines()[0]}\n")


def test_the_groups_are_listed_on_demand() -> None:
    screen = Screen(Console(file=io.StringIO(), width=120), groups=True)
    screen.prepared(space(), (), Score(0.875, 0.3, 8))
    assert shown(screen).endswith(f"{space()}\n")
    assert len(shown(screen).splitlines()) > len(space().groups) > 1


def test_without_an_event_log_everything_is_shown_all_the_same(screen: Screen) -> None:
    plain: Watcher = Screen(Console(file=io.StringIO(), width=120))
    good = judgement((2, 3, 4), 0.6, flops=0.75)
    for watcher in (plain, screen):
        watcher.phase("search: agent")
        watcher.evaluation("agent")(Progress(1, 1, good, good, UPDATE))
        watcher.epoch(EpochLog(1, 0.1, 0.5, 0.75, 0.9, 0.0))
        watcher.close()
    assert isinstance(plain, Screen)
    assert shown(plain) == shown(screen) != ""


def test_every_evaluation_is_logged_under_the_name_of_its_search(screen: Screen, events: Any) -> None:
    show = screen.evaluation("uniform")
    bad, good = judgement((4, 6, 8), 0.9, 0.3, flops=1.5), judgement((2, 3, 4), 0.6, 0.8, flops=0.75)
    show(Progress(1, 2, bad, None, None))
    show(Progress(2, 2, good, good, None))
    screen.close()
    assert events.written == [
        (
            1,
            {
                "uniform/search_accuracy": 0.9,
                "uniform/search_loss": 0.3,
                "uniform/feasible_share": 0.0,
                "uniform/cost/flops": 1.5,
                **dict.fromkeys((*ratio_tags("uniform"), "uniform/mean_ratio"), 1.0),
            },
        ),
        (
            2,
            {
                "uniform/search_accuracy": 0.6,
                "uniform/search_loss": 0.8,
                "uniform/feasible_share": 0.5,
                "uniform/cost/flops": 0.75,
                "uniform/best_feasible": 0.6,
                **dict.fromkeys((*ratio_tags("uniform"), "uniform/mean_ratio"), 0.5),
            },
        ),
    ]
    assert shown(screen).splitlines() == [
        "search 1/2  best none within budgets yet  flops 1.50!",
        "search 2/2  best 60.00 %  flops 0.75",
    ]


def test_an_update_is_logged_once(screen: Screen, events: Any) -> None:
    show, good = screen.evaluation("agent"), judgement((2, 3, 4), flops=0.75)
    for done in (3, 4):
        show(Progress(done, 4, good, good, UPDATE))
    screen.close()
    first, second = (values for _, values in events.written)
    assert first.items() - second.items() == {
        ("agent/proposed/flops", 0.9),
        ("agent/multiplier/flops", 1.5),
        ("agent/update/entropy", 0.25),
    }
    assert second.keys() < first.keys()
    assert "lambda flops 1.5" in shown(screen)


def test_the_epochs_of_both_trainings_are_told_apart(screen: Screen, events: Any) -> None:
    log = EpochLog(1, 0.1, 0.5, 0.75, 0.9, 0.0)
    screen.dense_epoch(log)
    screen.epoch(log)
    assert events.written == [
        (1, {"dense/loss": 0.5, "dense/search_accuracy": 0.75}),
        (1, {"finetune/loss": 0.5, "finetune/search_accuracy": 0.75}),
    ]
    assert shown(screen) == "epoch 1: training loss 0.5000, search accuracy 75.00%\n" * 2


def test_a_terminal_shows_one_live_line_per_search(events: Any) -> None:
    screen, good = Screen(terminal(), events), judgement((2, 3, 4), 0.6, flops=0.75)
    for name in ("agent", "uniform"):
        screen.phase(f"search: {name}")
        screen.evaluation(name)(Progress(1, 1, good, good, None))
    screen.close()
    screen.close()  # a second time is no harm
    assert shown(screen).count("best 60.00 %") >= 2
    assert "search 1/1" not in shown(screen)


def test_a_phase_without_a_count_shows_that_it_is_at_work_and_is_gone_afterwards(screen: Screen) -> None:
    live = Screen(terminal())
    live.phase("prepare")
    during = shown(live)
    live.close()
    live.close()
    assert during.count("prepare") == 2
    assert "0:00:00" in during
    assert ERASED in shown(live)
    assert SHOW_CURSOR in shown(live)
    screen.phase("prepare")
    screen.close()
    assert shown(screen) == "prepare\n"


def test_a_search_takes_the_place_of_its_phase() -> None:
    screen, good = Screen(terminal()), judgement((2, 3, 4), 0.6, flops=0.75)
    screen.phase("search: agent")
    show = screen.evaluation("agent")
    for done in (1, 2):
        show(Progress(done, 2, good, good, None))
    screen.close()
    assert "1/2" not in shown(screen).partition(ERASED)[0]
    assert "2/2" in shown(screen).rpartition(ERASED)[2]


def test_the_log_is_one_that_tensorboard_reads(tmp_path: Path) -> None:
    with EventLog(tmp_path) as events:
        good = judgement((2, 3, 4), flops=0.75)
        screen = Screen(Console(file=io.StringIO()), events)
        screen.evaluation("agent")(Progress(1, 1, good, good, UPDATE))
        screen.close()
    (file,) = tmp_path.iterdir()
    assert b"agent/cost/flops" in file.read_bytes()


def test_the_share_within_budgets_is_that_of_the_last_fifty(screen: Screen, events: Any) -> None:
    show = screen.evaluation("agent")
    bad, good = judgement((4, 6, 8), flops=1.5), judgement((2, 3, 4), flops=0.75)
    for done in range(1, 101):
        show(Progress(done, 1000, good if done <= 60 else bad, good, None))
    screen.close()
    share = [values["agent/feasible_share"] for _, values in events.written]
    assert share[:60] == [1.0] * 60
    assert share[60] == pytest.approx(0.98)
    assert share[99] == pytest.approx(0.2)


def test_keep_ratios_are_shares_of_the_dense_widths() -> None:
    names = [group.name for group in space().groups]
    assert keep_ratios(judgement((1, 3, 8)).candidate) == dict(zip(names, (0.25, 0.5, 1.0), strict=True))


def test_a_long_search_logs_ratios_now_and_then(screen: Screen, events: Any) -> None:
    show, good = screen.evaluation("random"), judgement((2, 3, 4), flops=0.75)
    for done in range(1, 1001):
        show(Progress(done, 1000, good, good, None))
    screen.close()
    logged = [step for step, values in events.written if "random/mean_ratio" in values]
    assert logged == list(range(5, 1001, 5))


@pytest.mark.parametrize(("groups", "logged"), [(1, 1), (200, 200), (201, 101), (1000, 200)])
def test_very_many_groups_are_thinned(groups: int, logged: int) -> None:
    ratios = {f"g{number}": number / groups for number in range(groups)}
    scalars = ratio_scalars("agent", ratios)
    assert len(scalars) == logged + 1
    assert scalars["agent/mean_ratio"] == pytest.approx((groups - 1) / groups / 2)
    assert {tag: value for tag, value in scalars.items() if "/ratio/" in tag}.items() <= {
        (f"agent/ratio/{name}", value) for name, value in ratios.items()
    }
