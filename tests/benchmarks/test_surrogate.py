import json
from pathlib import Path

import numpy as np
import pytest
import torch
from measure.judged import Bench
from measure.task import job_of, parser
from surrogate import correlation, cross_validated, held_out, optima, relative, save, speed, table

from cpruner.command import Job
from cpruner.data import Splits
from cpruner.model import SmallResNet

OPTIONS = ("constraint=[flops]", "repair.images=32", "repair.positions=2")


@pytest.fixture(scope="module")
def task() -> tuple[Job, Splits, torch.nn.Module]:
    job = job_of(parser(None).parse_args(list(OPTIONS)))
    splits = job.data.load(0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return job, splits, SmallResNet(width=4, stages=2).build(splits.classes, splits.example)


def bench(task: tuple[Job, Splits, torch.nn.Module], tmp_path: Path) -> Bench:
    return Bench(*task, tmp_path / "surrogate_tiny.json", images=32)


def test_what_was_judged_is_read_back(task: tuple[Job, Splits, torch.nn.Module], tmp_path: Path) -> None:
    made = bench(task, tmp_path)
    widths = made.widths([0.5] * len(made.made.space.groups), 0.5)
    loss = made.judge(widths)
    save(made, {"microseconds": 1.0})
    again = bench(task, tmp_path)
    assert again.known == made.known
    again.known[" ".join(map(str, widths))]["static_search"] = -1.0
    assert again.judge(widths) == -1.0 != loss
    other = json.loads(made.target.read_text())
    made.target.write_text(json.dumps({**other, "model": "another"}))
    assert bench(task, tmp_path).known == {}


@pytest.mark.integration
def test_numbers_of_a_small_run(task: tuple[Job, Splits, torch.nn.Module], tmp_path: Path) -> None:
    made = bench(task, tmp_path)
    generator, groups = np.random.default_rng(0), len(made.made.space.groups)
    judged = {w: made.judge(w) for w in (made.widths(generator.uniform(0.2, 1, groups), 0.5) for _ in range(8))}
    assert -1 <= correlation(made.made, judged) <= 1
    assert held_out(made, judged, 5)["held_out"] == len(judged) - 5
    whole = cross_validated(made, judged, {}, parts=2)
    assert whole["judgements"] == len(judged) - len(judged) // 2
    assert -1 <= whole["spearman"] <= 1
    dense = tuple(made.made.space.sizes)
    assert cross_validated(made, judged, {dense: made.judge(dense)}, 2)["judgements"] == whole["judgements"] + 1
    assert relative(made).error_GW.shape == made.made.error_GW.shape
    assert speed(made) > 0
    found = optima(made, judged, calibration=5, rounds=1)
    assert all(row["flops"] <= 0.5 for row in found.values())
    assert (
        found["refined, sequential"]["judgements"] > found["refined"]["judgements"] > found["calibrated"]["judgements"]
    )
    assert table({"task": "tiny", "optima": found}).row_count == 6
    names, sizes = zip(*((group.name, group.size) for group in made.made.space.groups), strict=True)
    inside = found["uniform inside the blocks"]["widths"]
    cut = {name for name, width, size in zip(names, inside, sizes, strict=True) if width < size}
    assert cut == {"blocks.0.conv1", "blocks.1.conv1"}
