import pickle

import torch
from tiny_task import task, widths_of

from cpruner.prepare import prepare
from cpruner.repair import Builder, Repair, repaired

REPAIR = Repair(images=64, positions=4)


def test_it_builds_repaired_networks_and_looks_up_how_to_cut_once() -> None:
    ready = prepare(task(), REPAIR)
    candidate = ready.space.at([1.0, 0.5, 0.75])
    build = Builder(ready.task.model, ready.space.plan, ready.statistics, REPAIR)
    small = build(candidate)
    assert widths_of(small) == (4, 3, 6)
    expected = repaired(ready.surgeon, candidate, ready.statistics, REPAIR)
    assert all(torch.equal(x, y) for x, y in zip(small.parameters(), expected.parameters(), strict=True))
    assert build.surgeon is build.surgeon


def test_it_builds_the_same_after_a_journey() -> None:
    ready = prepare(task(), REPAIR)
    candidate = ready.space.uniform(0.5)
    there = ready.build(candidate).state_dict()
    build = pickle.loads(pickle.dumps(ready.build))  # noqa: S301
    assert "surgeon" not in vars(build)
    back = build(candidate).state_dict()
    assert all(torch.equal(there[name], back[name]) for name in there)
