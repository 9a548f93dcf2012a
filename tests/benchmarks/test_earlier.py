from argparse import Namespace
from pathlib import Path

import pytest
from measure.earlier import HISTORY, Earlier
from measure.entry import WITH_PAST, Entry
from search import prepared, searched
from tiny_job import job

from cpruner.agent import Clipped, ppo_lagrangian
from cpruner.history import History, Past

AGENT = ppo_lagrangian(update=Clipped(epochs=2), episodes_per_update=4)


def test_a_search_learns_from_a_copy_of_the_one_of_its_seed(tmp_path: Path) -> None:
    kept = Earlier(tmp_path / "kept")
    kept.keep({"task": "tiny"})
    assert kept.source == {"task": "tiny"}
    run_dir, past = kept.kept(1)
    ready, posed = prepared(job())[0], job()
    options = Namespace(keep=tmp_path / "kept", past=None)
    first, _ = searched(ready, posed, Entry(AGENT), 1, options)
    before = (run_dir / HISTORY).read_bytes()
    assert len(History(str(past.store)).judged(History(str(past.store)).runs()[0])) == len(first.archive)
    follower = Entry(AGENT, past={"policy": "agent.pt", "solutions": 2})
    options = Namespace(keep=None, past=tmp_path / "kept")
    second, _ = searched(ready, posed, follower, 1, options)
    assert (run_dir / HISTORY).read_bytes() == before
    alone, _ = searched(ready, posed, Entry(AGENT), 1, options)
    assert [judged.candidate for judged in alone.archive] == [judged.candidate for judged in first.archive]
    assert [judged.candidate for judged in second.archive] != [judged.candidate for judged in alone.archive]
    assert len(ready.memo) == len({judged.candidate for judged in alone.archive})  # nothing was recalled


def test_what_is_taken_over_is_what_the_entry_asks_for(tmp_path: Path) -> None:
    kept = Earlier(tmp_path)
    kept.kept(0)
    (tmp_path / "0" / HISTORY).touch()
    with kept.past(0, {"policy": "agent.pt", "solutions": 3}) as past:
        assert past.policy == str(tmp_path / "0" / "search" / "agent.pt")
        assert (past.solutions, past.judgements) == (3, False)
        assert Path(str(past.store)).parent != tmp_path / "0"
    assert not Path(str(past.store)).exists()


@pytest.mark.parametrize("name", WITH_PAST)
def test_every_entry_names_what_it_takes(name: str) -> None:
    entry = WITH_PAST[name]
    Past(store="somewhere", judgements=False, **entry.past)
    for word in ("solutions", "policy", "replay"):
        assert (word in entry.past) == (word in name), word
    assert entry.past.get("assistant", False) == ("judged before" in name)
