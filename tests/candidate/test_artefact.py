import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from few import few
from invariants import run
from torch import nn

from cpruner.candidate import Candidate, load, load_candidate, materialise, save_artefact
from cpruner.candidate.artefact import CANDIDATE, WEIGHTS
from cpruner.errors import ArtefactError, InputError
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
DENSE = NET["residual"]


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, nn.Module, Candidate]:
    model = DENSE.build()
    candidate = trace(model, DENSE.inputs()).uniform(0.5)
    small = materialise(model, candidate)
    save_artefact(tmp_path / "runs" / "a", small, candidate)
    return tmp_path / "runs" / "a", small, candidate


@pytest.mark.parametrize("net", few(NETS))
def test_a_loaded_network_computes_the_very_same(net, tmp_path: Path) -> None:
    """Loaded into a fresh network with other weights; buffers and replaced modules included."""
    model, inputs = net.build(), net.inputs()
    candidate = trace(model, inputs).uniform(0.5)
    small = materialise(model, candidate)
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.add_(0.1)
    save_artefact(tmp_path, small, candidate)
    again = load(tmp_path, lambda: net.build(seed=7))
    assert all(torch.equal(a, b) for a, b in zip(run(small, inputs), run(again, inputs), strict=True))
    assert not any(module.training for module in again.modules())


def test_the_candidate_comes_back(saved) -> None:
    folder, _, candidate = saved
    assert load_candidate(folder) == candidate


def test_the_folder_holds_two_files_without_pickle(saved) -> None:
    folder, _, candidate = saved
    assert {path.name for path in folder.iterdir()} == {CANDIDATE, WEIGHTS}
    raw = (folder / WEIGHTS).read_bytes()
    assert isinstance(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]), dict)
    assert b"\x80\x02" != raw[:2] != b"PK"
    assert json.loads((folder / CANDIDATE).read_text())["kept"]["stem"] == list(candidate.kept[0])


def test_saving_again_replaces(saved) -> None:
    folder, _, _ = saved
    model = DENSE.build()
    dense = trace(model, DENSE.inputs()).dense()
    save_artefact(str(folder), model, dense)
    assert load_candidate(str(folder)) == dense
    assert torch.equal(load(folder, DENSE.build).stem.weight, model.stem.weight)


@pytest.mark.parametrize("name", [CANDIDATE, WEIGHTS])
def test_a_missing_file_is_named(saved, name: str) -> None:
    folder, _, _ = saved
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=rf"{name}, got no such file"):
        load(folder, DENSE.build)


@pytest.mark.parametrize("name", [CANDIDATE, WEIGHTS])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_truncated_file_is_refused(saved, name: str, share: float) -> None:
    folder, _, _ = saved
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(ArtefactError):
        load(folder, DENSE.build)


def test_garbage_is_refused(saved) -> None:
    folder, _, _ = saved
    (folder / WEIGHTS).write_bytes(b"\xff" * 100)
    with pytest.raises(ArtefactError, match="expected the weights of this model"):
        load(folder, DENSE.build)
    (folder / CANDIDATE).write_bytes(b"\xff" * 100)
    with pytest.raises(ArtefactError, match="expected the JSON text"):
        load(folder, DENSE.build)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="Give the folder of a finished run"):
        load(tmp_path / "nowhere", DENSE.build)


@pytest.mark.parametrize("other", ["dense block", "flatten", "tokens"])
def test_another_model_is_refused(saved, other: str) -> None:
    folder, _, _ = saved
    with pytest.raises(ArtefactError):
        load(folder, NET[other].build)


def test_a_model_that_only_differs_where_nothing_is_cut_is_refused(saved) -> None:
    folder, _, _ = saved

    def factory() -> nn.Module:
        model = DENSE.build()
        model.head = nn.Linear(8, 6).double()
        return model

    with pytest.raises(ArtefactError, match="head"):
        load(folder, factory)


def test_a_file_in_the_way_is_said_and_nothing_is_written(saved, tmp_path: Path) -> None:
    _, small, candidate = saved
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ArtefactError, match="expected a writable folder"):
            save_artefact(folder, small, candidate)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", [CANDIDATE, WEIGHTS])
def test_a_failure_half_way_leaves_the_former_run(saved, name: str) -> None:
    """A folder stands where one of the two files is to be written first."""
    folder, small, _ = saved
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / f"{name}.part").mkdir()
    with pytest.raises(ArtefactError, match="expected a writable folder"):
        save_artefact(folder, small, trace(DENSE.build(), DENSE.inputs()).smallest())
    (folder / f"{name}.part").rmdir()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


CANARY = "CPRUNER_CANARY"
CODE = f"__import__('os').environ.__setitem__('{CANARY}', '1')"
BREAK = f"x'+str({CODE})+'"

Change = Callable[[dict[str, Any]], Any]


def first_node(place: int, value: Any) -> Change:
    """Put a value at a place of the first node: op, arguments, keywords, results."""
    return lambda program: program["nodes"][0].__setitem__(place, value)


def tampered(folder: Path, change: Change) -> None:
    """Change the first program of a saved candidate, with the hash a forger would write beside it."""
    data = json.loads((folder / CANDIDATE).read_text())
    change(data["plan"]["programs"][0])
    data["structure"] = hashlib.sha256(json.dumps(data["plan"], sort_keys=True).encode()).hexdigest()[:16]
    (folder / CANDIDATE).write_text(json.dumps(data))


@pytest.fixture
def shuffled(tmp_path: Path) -> Path:
    net = NET["channel shuffle"]
    model = net.build()
    candidate = trace(model, net.inputs()).uniform(0.5)
    save_artefact(tmp_path, materialise(model, candidate), candidate)
    return tmp_path


def test_the_forger_of_these_tests_can_forge(shuffled: Path) -> None:
    """A changed op that is legal does load: what is refused below is not refused for its hash."""
    tampered(shuffled, lambda program: program["nodes"].append(["aten.neg.default", [["v", 0]], [], 99]))
    tampered(shuffled, lambda program: program.__setitem__("out", ["v", 99]))
    net = NET["channel shuffle"]
    small = load(shuffled, net.build)
    x = torch.ones(1, 4, 2, 2, dtype=torch.float64)
    assert torch.equal(small.shuffle(x), -x)


@pytest.mark.parametrize(
    "change",
    [
        *(first_node(0, op) for op in (CODE, f"aten.relu.default({CODE}) or aten", "os.system", "aten.__class__.mro")),
        *(
            first_node(0, op)
            for op in ("aten.from_file.default", "aten.save.default", "prim.Print.default", f"F.{CODE}")
        ),
        *(first_node(0, op) for op in (f"module:{CODE}", "module:", f"module:shuffle']+{CODE}+['", "module:__class__")),
        *(first_node(2, [[key, 1]]) for key in (CODE, f"a={CODE}, b", "a\n", "*")),
        *(first_node(1, [["v", number]]) for number in (CODE, f"0, {CODE}", -1, 77)),
        *(first_node(1, [["w", name]]) for name in (CODE, f"x.{CODE}", "__class__", f"a']+{CODE}+['.b", "forward")),
        *(first_node(1, [[tag, CODE]]) for tag in ("n", "pick", "dtype", "memory_format", "device", "eval", CODE)),
        *(first_node(1, [value]) for value in (["dtype", "load"], ["size", 0, CODE], ["scaled", 1, CODE], {"v": CODE})),
        *(first_node(3, out) for out in (CODE, [CODE], ["dict", [[CODE], 1]])),
        lambda program: program.__setitem__("out", ["v", CODE]),
        lambda program: program.__setitem__("batch", [CODE, 0]),
        lambda program: program.__setitem__("batch", [0, CODE]),
        lambda program: program.__setitem__("module", CODE),
        lambda program: program.__setitem__("module", ["shuffle"]),
        lambda program: program.__setitem__("args", [["v", CODE]]),
        lambda program: program.__setitem__("kwargs", [[["a"], ["v", 0]]]),
        lambda program: program["picks"].append([0, 0, [CODE]]),
        lambda program: program["picks"].append([CODE, 0, [0]]),
    ],
)
def test_no_text_of_a_candidate_becomes_code(shuffled: Path, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CANARY, raising=False)
    tampered(shuffled, change)
    with pytest.raises(ArtefactError):
        load(shuffled, NET["channel shuffle"].build)
    assert CANARY not in os.environ


SETTINGS = {"args": [BREAK, ["list", CODE, BREAK]], "kwargs": [[BREAK, ["dict", [CODE, BREAK]]], [CODE, CODE]]}


def test_strings_of_a_candidate_stay_strings(shuffled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of a call may be any text: it is compared, never run."""
    monkeypatch.delenv(CANARY, raising=False)
    tampered(shuffled, lambda program: program.update(SETTINGS, nodes=[], batch=None, out=["list", BREAK, CODE]))
    shuffle = load(shuffled, NET["channel shuffle"].build).shuffle
    assert shuffle(BREAK, [CODE, BREAK], **{BREAK: {CODE: BREAK}, CODE: CODE}) == [BREAK, CODE]
    with pytest.raises(InputError, match="__import__"):
        shuffle(BREAK, [CODE, BREAK], **{BREAK: {CODE: BREAK}, CODE: "1"})
    assert CANARY not in os.environ
