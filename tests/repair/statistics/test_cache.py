"""What is read from disk is what would be gathered; anything else is gathered."""

import copy
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.repair import Repair, Repairer, Statistics, gather, gather_cached
from cpruner.repair.statistics import cache
from cpruner.space import tensors_of, trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
MODEL = NET["residual"].build()
X = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SPEC = Repair(images=16, positions=4, batch=8)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every time that statistics are really gathered."""
    times: list[int] = []

    def counting(*args: object) -> Statistics:
        times.append(1)
        return gather(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "gather", counting)
    return times


def cached(folder: Path, model: nn.Module = MODEL, x: Tensor = X, spec: Repair = SPEC, mark: str = "a") -> Statistics:
    return gather_cached(model, [(x, None)], spec, folder=folder, fingerprint=mark)


def same(one: Statistics, other: Statistics) -> bool:
    """Bit for bit, in the same places of memory: sums run in that order."""
    pairs = list(zip(tensors_of(one), tensors_of(other), strict=True))
    return all(torch.equal(a, b) and a.stride() == b.stride() and a.dtype == b.dtype for a, b in pairs)


def file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_it_is_gathered_once(tmp_path: Path, counted: list[int]) -> None:
    first, second = cached(tmp_path / "new"), cached(tmp_path / "new")
    assert len(counted) == 1
    assert file(tmp_path / "new").suffix == ".pt"
    expected = gather(MODEL, [(X, None)], SPEC)
    assert same(first, expected)
    assert same(second, expected)
    assert second.layers.keys() == expected.layers.keys()
    assert list(second.layers) == list(expected.layers)
    assert torch.equal(second.images, X[:16])


def test_what_is_no_tensor_comes_back_as_it_was(tmp_path: Path) -> None:
    cached(tmp_path)
    read, expected = cached(tmp_path), gather(MODEL, [(X, None)], SPEC)
    assert (read.pass_images, read.skipped) == (expected.pass_images, expected.skipped)
    for name, layer in expected.layers.items():
        mine = read.layers[name]
        assert type(mine) is type(layer)
        assert type(mine.dense) is type(layer.dense)
        assert mine.product == layer.product
        plain = {key: value for key, value in vars(layer).items() if isinstance(value, str | int | bool | None)}
        assert {key: getattr(mine, key) for key in plain} == plain


@pytest.mark.parametrize("mode", ["static", "sequential"])
@pytest.mark.parametrize("name", ["residual", "dense block", "option A in a module"])
def test_candidates_are_the_same_to_the_last_bit(tmp_path: Path, name: str, mode: str) -> None:
    model = NET[name].build()
    space = trace(model, X[:1])
    cached(tmp_path, model)
    one, other = (
        Repairer(model, space, statistics, SPEC)(space.uniform(0.5), mode).state_dict()
        for statistics in (gather(model, [(X, None)], SPEC), cached(tmp_path, model))
    )
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("change", [{"positions": 5}, {"batch": 7}, {"memory": 1000}, {"seed": 1}, {"images": 15}])
def test_other_options_are_gathered_anew(tmp_path: Path, counted: list[int], change: dict[str, int]) -> None:
    cached(tmp_path)
    changed = replace(SPEC, **change)
    assert same(cached(tmp_path, spec=changed), gather(MODEL, [(X, None)], changed))
    assert len(counted) == 2


@pytest.mark.parametrize("change", [{"damping": 0.1}, {"cache_mb": 300}])
def test_options_that_do_not_matter_are_no_reason(tmp_path: Path, counted: list[int], change: dict[str, float]) -> None:
    cached(tmp_path)
    cached(tmp_path, spec=replace(SPEC, **change))
    assert len(counted) == 1


def test_images_beyond_those_that_are_used_do_not_matter(tmp_path: Path, counted: list[int]) -> None:
    cached(tmp_path)
    gather_cached(MODEL, [(X[:9], None), (X[9:16], None)], replace(SPEC, images=16), folder=tmp_path, fingerprint="a")
    assert len(counted) == 1
    cached(tmp_path, x=X[:16], spec=replace(SPEC, images=1000))
    assert len(counted) == 1


def test_another_image_or_fingerprint_is_gathered_anew(tmp_path: Path, counted: list[int]) -> None:
    cached(tmp_path)
    other = X.clone()
    other[15, 2, 7, 7] += 1e-9
    assert torch.equal(cached(tmp_path, x=other).images, other[:16])
    cached(tmp_path, mark="b")
    assert len(counted) == 3


def test_other_code_with_the_same_fingerprint_is_gathered_anew(tmp_path: Path, counted: list[int]) -> None:
    """No weight, no buffer and no coupling says that the activation is another one."""
    other = copy.deepcopy(MODEL)
    other.sum.branches.inner.relu = nn.SiLU()
    cached(tmp_path)
    assert same(cached(tmp_path, other), gather(other, [(X, None)], SPEC))
    assert len(counted) == 2


@pytest.mark.parametrize(("name", "value"), [("_code", lambda: "new"), ("_machine", lambda device: (device, "new"))])
def test_another_version_or_machine_is_gathered_anew(
    tmp_path: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    cached(tmp_path)
    monkeypatch.setattr(cache, name, value)
    cached(tmp_path)
    assert len(counted) == 2


def test_another_number_of_threads_is_another_machine() -> None:
    before = cache._machine(torch.device("cpu"))
    torch.set_num_threads(2)
    try:
        assert cache._machine(torch.device("cpu")) != before
    finally:
        torch.set_num_threads(1)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """One byte in the middle of the largest tensor."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [shorten, flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_file_is_gathered_anew_and_replaced(
    tmp_path: Path, counted: list[int], damage: Callable[[Path], None]
) -> None:
    cached(tmp_path)
    damage(file(tmp_path))
    assert same(cached(tmp_path), gather(MODEL, [(X, None)], SPEC))
    assert len(counted) == 2
    cached(tmp_path)
    assert len(counted) == 2


def wide() -> nn.Module:
    """Second moments of 400 and of 192 inputs, and of both together, take 2.1 MiB."""
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 400), nn.Linear(400, 2)).double().eval()


def test_what_is_too_large_is_not_written(tmp_path: Path, counted: list[int]) -> None:
    model = wide()
    cached(tmp_path, model, spec=replace(SPEC, cache_mb=2))
    assert list(tmp_path.iterdir()) == []
    cached(tmp_path, model, spec=replace(SPEC, cache_mb=3))
    assert 2 * 2**20 < file(tmp_path).stat().st_size < 3 * 2**20
    assert len(counted) == 2


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, counted: list[int]) -> None:
    model, spec = wide(), replace(SPEC, cache_mb=5)
    for age, mark in enumerate("abc"):
        cached(tmp_path, model, spec=spec, mark=mark)
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 100 - age))
    assert len(list(tmp_path.iterdir())) == 2
    cached(tmp_path, model, spec=spec, mark="b")
    cached(tmp_path, model, spec=spec, mark="d")
    assert len(list(tmp_path.iterdir())) == 2
    assert len(counted) == 4
    cached(tmp_path, model, spec=spec, mark="b")
    assert len(counted) == 4
    cached(tmp_path, model, spec=spec, mark="c")
    assert len(counted) == 5


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path, counted: list[int]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    for _ in range(2):
        assert same(cached(blocked / "statistics"), gather(MODEL, [(X, None)], SPEC))
    assert len(counted) == 2
    assert list(tmp_path.iterdir()) == [blocked]


def test_a_full_disk_is_no_error_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        assert [path.suffix for path in tmp_path.iterdir()] != [".pt"]
        raise OSError("no space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert same(cached(tmp_path), gather(MODEL, [(X, None)], SPEC))
    assert list(tmp_path.iterdir()) == []


def test_files_that_only_others_may_write_are_read(
    tmp_path: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    cached(tmp_path)
    monkeypatch.setattr(cache.os, "utime", refused)
    cached(tmp_path)
    assert len(counted) == 1


def test_the_model_is_as_before(tmp_path: Path) -> None:
    model = copy.deepcopy(MODEL).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    for _ in range(2):
        cached(tmp_path, model)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_no_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one batch"):
        gather_cached(MODEL, [], SPEC, folder=tmp_path, fingerprint="a")
