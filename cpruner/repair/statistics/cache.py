"""Statistics kept on disk: gathered once for one network, the same images and the same options.

A file is found by a hash of everything that its numbers depend on: the fingerprint of the network and what it puts out
for some images (code and tables that are no parameters belong to it), the images, the options, the code of this room,
the version of torch and the machine. So what is read is bit for bit what would be gathered.
"""

import dataclasses
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import torch
from torch import Tensor, nn

from cpruner.repair.spec import Repair
from cpruner.repair.statistics.statistics import Statistics, first_images, gather
from cpruner.space import tensors_of, untouched

#: Images whose outputs stand for the function of the network.
_PROBED = 8
#: Bytes in front of the content that say whether it is whole.
_DIGEST = 16
#: Marks what was a dataclass.
_KIND = "dataclass"


def gather_cached(
    model: nn.Module, batches: Iterable[tuple[Tensor, Any]], spec: Repair, *, folder: Path, fingerprint: str
) -> Statistics:
    """Read the statistics from ``folder``, or gather them and write them there.

    Neither a damaged file nor a folder that cannot be written to is an error: then they are gathered.

    Args:
        model: The dense network; afterwards exactly as before.
        batches: Batches of (inputs, labels), first axis images.
        spec: As for ``gather``; statistics over ``cache_mb`` are not written, and the files there stay below it.
        folder: Where; it need not exist.
        fingerprint: Of the network's structure, weights and buffers.

    Raises:
        InputError: No images.
    """
    images = first_images(batches, spec.images).to(next(model.parameters()).device)
    path = folder / f"{_key(model, images, spec, fingerprint)}.pt"
    found = _read(path, images)
    if found is None:
        found = gather(model, [(images, None)], spec)
        _write(path, found, spec.cache_mb * 2**20)
    return found


def _key(model: nn.Module, images: Tensor, spec: Repair, fingerprint: str) -> str:
    with untouched(model):
        outputs = tensors_of(model(images[:_PROBED].clone()))
    counted = dataclasses.replace(spec, images=len(images), damping=0.0, cache=True, cache_mb=1)
    digest = hashlib.sha256(repr((fingerprint, counted, _code(), torch.__version__, _machine(images.device))).encode())
    for tensor in (images, *outputs):
        digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:32]


@cache
def _code() -> str:
    """The version of the format and of the arithmetic."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _machine(device: torch.device) -> tuple[object, ...]:
    """What the last bit of a sum depends on."""
    if device.type == "cuda":
        return device.type, torch.cuda.get_device_name(device), torch.get_float32_matmul_precision()
    return device.type, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()


def _read(path: Path, images: Tensor) -> Statistics | None:
    try:
        whole = memoryview(path.read_bytes())
    except OSError:
        return None
    digest, content = whole[:_DIGEST], whole[_DIGEST:]
    if hashlib.blake2b(content, digest_size=_DIGEST).digest() != digest:  # torch checks no sums of its own
        return None
    plain = torch.load(io.BytesIO(content), map_location=images.device, weights_only=True)
    found = cast(Statistics, _built({**plain, "images": images}, _kinds(Statistics)))
    with suppress(OSError):
        os.utime(path)  # what was used longest ago goes first
    return found


def _write(path: Path, statistics: Statistics, most: int) -> None:
    plain = {name: value for name, value in _plain(statistics).items() if name != "images"}
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors_of(plain)}
    if sum(storages.values()) > most:
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        torch.save(plain, content)
        digest = hashlib.blake2b(content.getbuffer(), digest_size=_DIGEST).digest()
        with part.open("wb") as file:
            file.writelines([digest, content.getbuffer()])
        os.replace(part, path)
        _trim(path, most)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _trim(newest: Path, most: int) -> None:
    """Remove what was used longest ago, until all is small enough."""
    others = sorted(set(newest.parent.glob("*.pt")) - {newest}, key=lambda path: path.stat().st_mtime, reverse=True)
    total = newest.stat().st_size
    for path in others:
        total += path.stat().st_size
        if total > most:
            path.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """Tensors, numbers, texts, tuples and dictionaries, which ``torch.load`` reads without running any code."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_KIND: type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return value


def _built(plain: Any, kinds: Mapping[str, type]) -> Any:
    if not isinstance(plain, dict):
        return plain
    fields = {key: _built(value, kinds) for key, value in plain.items()}
    kind = fields.pop(_KIND, None)
    return fields if kind is None else kinds[kind](**fields)


def _kinds(hint: Any) -> dict[str, type]:
    """Every dataclass that a value of this type is made of, by name."""
    if not dataclasses.is_dataclass(hint):
        return {name: kind for part in get_args(hint) for name, kind in _kinds(part).items()}
    parts = get_type_hints(hint).values()
    return {cast(type, hint).__name__: cast(type, hint)} | {
        n: kind for part in parts for n, kind in _kinds(part).items()
    }
