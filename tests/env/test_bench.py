import pickle

import torch
from tiny_task import BUDGETS, SOFT, flops, params, space, task, widths_of
from torch import nn

from cpruner.constraint import Budget, External, Latency
from cpruner.env import Bench
from cpruner.prepare import prepare
from cpruner.repair import Repair


def width(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    return float(sum(widths_of(network)))


LATENCY, LOUD = Budget(Latency(warmup=0, repeats=3), "1000 ms"), Budget(External(width, quiet=False), 9.0)
READY = prepare(task(*BUDGETS, LATENCY, LOUD), Repair(images=32, positions=2))


def test_it_judges_by_the_channels_alone() -> None:
    judge = READY.env(SOFT).judge
    candidate = READY.space.uniform(0.5)
    score, readings = Bench.of(judge, READY.space.plan, beside=False)((candidate.kept, None))
    expected = judge(candidate)
    assert score == expected.score
    assert [r.name for r in readings] == ["flops", "params", "latency", "width"]
    assert [r.value for r in readings[:2]] == [flops(2, 3, 4), params(2, 3, 4)]


def test_beside_the_main_process_what_asks_for_quiet_is_left_out() -> None:
    bench = Bench.of(READY.env(SOFT).judge, READY.space.plan, beside=True)
    _, readings = bench((READY.space.uniform(0.5).kept, None))
    assert [(r.name, r.value) for r in readings] == [
        ("flops", flops(2, 3, 4)),
        ("params", params(2, 3, 4)),
        ("width", 9.0),
    ]


def test_it_takes_nothing_along_that_it_does_not_need() -> None:
    judge = READY.env(SOFT).judge
    judge(READY.space.uniform(0.3))
    judge(READY.space.uniform(0.7))
    bench = Bench.of(judge, READY.space.plan, beside=True)
    assert bench.judge.memo == {}
    assert bench.judge.memo is not judge.memo
    before = len(pickle.dumps(bench))
    bench((READY.space.uniform(0.5).kept, None))
    assert bench.judge.memo == {}
    assert len(pickle.dumps(bench)) == before  # what was made to cut stays at home
    assert before < 2 * len(pickle.dumps((READY.statistics, READY.task.search, READY.task.model)))


def test_a_candidate_is_called_by_its_widths() -> None:
    assert Bench.name((space().uniform(0.5).kept, None)) == "the candidate with widths (2, 3, 4)"
