import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import env, judgement, space

from cpruner.env import Judgement, unpack
from cpruner.errors import CheckpointError
from cpruner.search import FILE, Checkpoint, Update

IDENTITY = {"model": "abc", "limits": {"flops": 7568.0}, "seed": 3, "agent": "Random(low=0.1)"}
AGENT = {"mean": torch.tensor([0.25, 0.5]), "steps": 7, "nested": {"list": [1, 2.5, "text", None, True]}}


def reader(record: Any) -> Judgement:
    return unpack(record, space().plan)


@pytest.fixture
def checkpoint() -> Checkpoint:
    archive = (judgement((1, 2, 3), 0.5, float("inf"), flops=1.5, energy=0.3), env().judge(space().uniform(0.5)))
    updates = (Update(1, 0.5, {"flops": 1.5}, {"flops": 0.25}, {"kl": 0.01}), Update(2, 0.25, {"flops": 0.5}))
    return Checkpoint(IDENTITY, archive, updates, AGENT)


@pytest.fixture
def path(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    checkpoint.save(tmp_path / FILE)
    return tmp_path / FILE


def rewritten(path: Path, **changed: Any) -> None:
    """Replace entries of a saved file; None leaves one out."""
    state = {**torch.load(path, weights_only=True), **changed}
    torch.save({key: value for key, value in state.items() if value is not None}, path)


def test_what_is_saved_comes_back(path: Path, checkpoint: Checkpoint) -> None:
    back = Checkpoint.load(path, IDENTITY, reader)
    assert back.archive == checkpoint.archive
    assert back.updates == checkpoint.updates
    assert back.identity == IDENTITY
    assert torch.equal(back.agent["mean"], AGENT["mean"])
    assert {**back.agent, "mean": None} == {**AGENT, "mean": None}


def test_the_folder_holds_the_checkpoint_and_nothing_else(path: Path) -> None:
    assert [file.name for file in path.parent.iterdir()] == [FILE]


def test_a_checkpoint_is_replaced_by_the_next(path: Path, checkpoint: Checkpoint) -> None:
    replace(checkpoint, archive=checkpoint.archive[:1], agent={"steps": 8}).save(path)
    back = Checkpoint.load(path, IDENTITY, reader)
    assert (len(back.archive), back.agent) == (1, {"steps": 8})


def test_a_write_cut_short_leaves_the_old_checkpoint(
    path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(state: Any, part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(CheckpointError, match="No space left on device"):
            replace(checkpoint, agent={"steps": 8}).save(path)
    assert Checkpoint.load(path, IDENTITY, reader).agent["steps"] == 7


def test_the_new_checkpoint_appears_in_one_move(
    path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = []

    def move(source: Path, target: Path) -> None:
        assert Checkpoint.load(path, IDENTITY, reader).agent["steps"] == 7  # the old one is still whole
        moves.append((torch.load(source, weights_only=True)["agent"], target))

    monkeypatch.setattr(os, "replace", move)
    replace(checkpoint, agent={"steps": 8}).save(path)
    assert moves == [({"steps": 8}, path)]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, checkpoint: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match=r"expected a writable folder, got .*nowhere"):
        checkpoint.save(tmp_path / "nowhere" / FILE)


@pytest.mark.parametrize(
    ("key", "value"),
    [("model", "xyz"), ("limits", {"flops": 7567.0}), ("seed", 4), ("agent", "Random(low=0.2)"), ("repair", "none")],
)
def test_the_checkpoint_of_another_search_is_refused(path: Path, key: str, value: Any) -> None:
    message = re.escape(f"expected {key} = {value!r}, got {IDENTITY.get(key)!r}. It belongs to another search")
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.load(path, {**IDENTITY, key: value}, reader)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected .*checkpoint\.pt, got no such file"):
        Checkpoint.load(tmp_path / FILE, IDENTITY, reader)
    with pytest.raises(CheckpointError, match="got no such file"):
        Checkpoint.load(tmp_path, IDENTITY, reader)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"expected .*checkpoint\.pt as written by a search, got "):
        Checkpoint.load(path, IDENTITY, reader)


@pytest.mark.parametrize("content", [{"weights": torch.zeros(2)}, [1, 2], 3.0, {"identity": "abc"}, {"identity": [1]}])
def test_a_file_of_something_else_is_refused(path: Path, content: Any) -> None:
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="as written by a search, got "):
        Checkpoint.load(path, IDENTITY, reader)


@pytest.mark.parametrize(
    "damage",
    [
        {"archive": None},
        {"agent": None},
        {"updates": [{"reward": 1.0}]},
        {"archive": [{"kept": [[0], [0], [0]]}]},
        {"archive": [{"kept": [[0], [0], [99]], "score": {}, "readings": []}]},
        {"archive": 3},
    ],
)
def test_a_file_with_parts_missing_or_misshapen_is_refused(path: Path, damage: dict[str, Any]) -> None:
    rewritten(path, **damage)
    with pytest.raises(CheckpointError, match="as written by a search, got "):
        Checkpoint.load(path, IDENTITY, reader)


class Trap:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def test_objects_are_never_unpickled(path: Path) -> None:
    trace = path.parent / "sprung"
    rewritten(path, agent=Trap(trace))
    with pytest.raises(CheckpointError, match="as written by a search"):
        Checkpoint.load(path, IDENTITY, reader)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists()  # the trap works
