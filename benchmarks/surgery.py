"""Seconds per candidate: materialise, against Torch-Pruning and against copying the kept bytes.

    python benchmarks/surgery.py                        # all networks
    python benchmarks/surgery.py --only 'resnet*'       # these anew, the others stay in the file

One process, one thread. In every round a random candidate around a keep ratio of 0.5 is materialised and every tensor
of the result cloned (the floor), in turns; in some rounds Torch-Pruning prunes a deep copy (construction and step; the
copy itself is not counted). Medians and quartiles go to benchmarks/results/surgery.json and surgery.md.
"""

import argparse
import copy
import dataclasses
import fnmatch
import gc
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import peer
from measure.memory import resident_mb
from measure.record import RESULTS, environment, replace
from measure.spread import clock, spread
from torch import Tensor, nn
from zoo import Entry, zoo

import cpruner
from cpruner.candidate import Surgeon

NETWORKS = ("resnet18", "resnet50", "vgg16_bn", "mobilenet_v2", "densenet121", "densenet201", "regnet_y_16gf")
KEEP, SPREAD = 0.5, 0.2
LINE = 64  # bytes that come from memory together
FASTER, ABOVE_FLOOR = 20, 3
TRACE_LIMIT = {"resnet50": 3, "densenet201": 15}
LEAK_NETWORK, WARM_UP = "resnet18", 50

Facts = dict[str, Any]


def floor(network: nn.Module) -> list[Tensor]:
    """Copy every tensor once."""
    with torch.no_grad():
        return [tensor.clone() for tensor in tensors(network)]


def traffic(model: nn.Module, small: nn.Module) -> float:
    """Bytes that any selection must read and write, over those of the floor.

    Whoever picks single numbers out of a row reads the whole row: memory comes in lines.
    """
    read = written = 0
    for tensor, kept in zip(tensors(model), tensors(small), strict=True):
        piece = tensor.element_size()
        for full, size in zip(reversed(tensor.shape), reversed(kept.shape), strict=True):
            piece *= full if piece < LINE else size
        read, written = read + piece, written + kept.nbytes
    return (read + written) / (2 * written)


def tensors(network: nn.Module) -> list[Tensor]:
    """Parameters and buffers."""
    return [*network.parameters(), *network.buffers()]


def candidate(space: cpruner.PruningSpace, generator: np.random.Generator) -> cpruner.Candidate:
    """Keep ratios drawn independently around KEEP."""
    ratios = generator.uniform(KEEP - SPREAD, KEEP + SPREAD, len(space.groups))
    return space.at([float(ratio) for ratio in ratios])


def prune_copy(model: nn.Module, inputs: tuple[Tensor, ...], classes: int) -> float:
    """Seconds of Torch-Pruning's construction and step."""
    twin = copy.deepcopy(model)
    return clock(lambda: peer.pruner(twin, inputs, classes).step())[0]


def network(entry: Entry, rounds: int, peer_rounds: int) -> Facts:
    """Timings of one network, interleaved."""
    model, inputs = entry.build(), entry.inputs()
    with torch.no_grad():
        model(*inputs)
    traced = [clock(lambda: cpruner.trace(model, inputs)) for _ in range(3)]
    space, generator = traced[-1][1], np.random.default_rng(0)
    if peer_rounds:
        importlib.import_module("torch_pruning")  # not to be timed
    surgeon = Surgeon(model, space.plan)
    surgeon(space.uniform(KEEP))
    times: dict[str, list[float]] = {name: [] for name in ("choose", "materialise", "floor", "peer", "above_floor")}
    turns = {round(turn * rounds / peer_rounds) for turn in range(peer_rounds)} if peer_rounds else set()
    for turn in range(rounds):
        seconds, chosen = clock(lambda: candidate(space, generator))
        times["choose"].append(seconds)
        ours, bare = pair(surgeon, chosen, ours_first=turn % 2 == 0)
        times["materialise"].append(ours)
        times["floor"].append(bare)
        times["above_floor"].append(ours / bare)
        if turn in turns:
            times["peer"].append(prune_copy(model, inputs, entry.classes))
    return {
        "trace_s": [seconds for seconds, _ in traced],
        "groups": len(space.groups),
        "traffic": traffic(model, surgeon(space.uniform(KEEP))),
        **{name: spread(values) for name, values in times.items() if values},
    }


def pair(surgeon: Surgeon, chosen: cpruner.Candidate, *, ours_first: bool) -> tuple[float, float]:
    """Seconds of materialising a candidate and of copying its tensors, in either order."""
    small, fresh = surgeon(chosen), dataclasses.replace(chosen)  # a candidate remembers what it looked up
    if ours_first:
        ours = clock(lambda: surgeon(fresh))[0]
        return ours, clock(lambda: floor(small))[0]
    bare = clock(lambda: floor(small))[0]
    return clock(lambda: surgeon(fresh))[0], bare


def growth(entry: Entry, times: int) -> Facts:
    """Resident memory before and after many materialisations of different candidates."""
    model, generator = entry.build(), np.random.default_rng(0)
    space = cpruner.trace(model, entry.inputs())

    def repeat(count: int) -> float:
        for _ in range(count):
            cpruner.materialise(model, candidate(space, generator))
        gc.collect()
        return resident_mb()

    before, objects = repeat(WARM_UP), len(gc.get_objects())
    after = repeat(times)
    return {
        "network": entry.name,
        "materialisations": times,
        "before_mb": before,
        "after_mb": after,
        "growth_mb": after - before,
        "objects": len(gc.get_objects()) - objects,
    }


def faster(facts: Mapping[str, Any]) -> float | None:
    """Torch-Pruning's median over ours."""
    return facts["peer"]["median"] / facts["materialise"]["median"] if "peer" in facts else None


def markdown(record: Mapping[str, Any]) -> str:
    """The record as a page."""
    lines = [
        "# Surgery: time per candidate",
        "",
        f"`{record['command']}`, {record['date']}, {record['device']}, torch {record['versions']['torch']}, "
        f"Torch-Pruning {record['versions']['torch-pruning']}. Medians, quartiles in brackets; one thread, random "
        f"candidates between keep ratios {KEEP - SPREAD:g} and {KEEP + SPREAD:g}. *Floor*: cloning every tensor of the "
        "smaller network. *Bytes*: what any selection has to read and write (whole memory lines), over what the floor "
        "reads and writes, at a uniform keep ratio of one half.",
        "",
        "| network | groups | trace | choose | materialise | floor | times floor | bytes | Torch-Pruning | "
        "times faster |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, facts in record["networks"].items():
        cells = [name, str(facts["groups"]), f"{sorted(facts['trace_s'])[1]:.2f} s"]
        cells += [milliseconds(facts[key]) for key in ("choose", "materialise", "floor")]
        above, ratio = facts["above_floor"], faster(facts)
        cells.append(f"{above['median']:.2f} ({above['low']:.2f} to {above['high']:.2f})")
        cells.append(f"{facts['traffic']:.2f}")
        cells += ["-", "-"] if ratio is None else [milliseconds(facts["peer"]), f"{ratio:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    if leak := record.get("memory"):
        lines += [
            "",
            f"{leak['materialisations']} materialisations of {leak['network']}: resident memory "
            f"{leak['before_mb']:.1f} -> {leak['after_mb']:.1f} MiB, {leak['objects']:+d} live Python objects.",
        ]
    return "\n".join([*lines, "", *(f"- {miss}" for miss in misses(record)), ""])


def misses(record: Mapping[str, Any]) -> list[str]:
    """Promises that are not kept, or one line that says all are."""
    found = []
    for name, facts in record["networks"].items():
        ratio, above, traced = faster(facts), facts["above_floor"]["median"], sorted(facts["trace_s"])[1]
        if ratio is not None and ratio < FASTER:
            found.append(f"{name}: {ratio:.1f} times faster than Torch-Pruning, promised {FASTER}")
        if above > ABOVE_FLOOR:
            found.append(f"{name}: {above:.2f} times the floor, promised {ABOVE_FLOOR}")
        if traced > TRACE_LIMIT.get(name, float("inf")):
            found.append(f"{name}: traced in {traced:.1f} s, promised {TRACE_LIMIT[name]} s")
    return found or ["Every promise about speed is kept."]


def milliseconds(times: Mapping[str, float]) -> str:
    """Median and quartiles."""
    return f"{1e3 * times['median']:.1f} ({1e3 * times['low']:.1f} to {1e3 * times['high']:.1f}) ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="GLOB", help="networks by name; repeatable")
    parser.add_argument("--rounds", type=int, default=21, help="candidates per network")
    parser.add_argument("--peer-rounds", type=int, default=5, help="rounds in which Torch-Pruning runs too")
    parser.add_argument("--materialisations", type=int, default=1000, help="of the memory test; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=RESULTS / "surgery.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [n for n in NETWORKS if any(fnmatch.fnmatch(n, glob) for glob in options.only or ["*"])]
    entries = zoo()
    record: dict[str, Any] = json.loads(options.out.read_text()) if options.only and options.out.is_file() else {}
    record |= environment()
    done = record.setdefault("networks", {})
    for name in chosen:
        done[name] = network(entries[name], options.rounds, options.peer_rounds)
        record["networks"] = {n: done[n] for n in NETWORKS if n in done}
        replace({options.out: json.dumps(record, indent=1) + "\n", options.out.with_suffix(".md"): markdown(record)})
        facts = done[name]
        print(f"{name}: {milliseconds(facts['materialise'])}, floor {milliseconds(facts['floor'])}", flush=True)
    if options.materialisations:
        record["memory"] = growth(entries[LEAK_NETWORK], options.materialisations)
    page = markdown(record)
    replace({options.out: json.dumps(record, indent=1) + "\n", options.out.with_suffix(".md"): page})
    print(page)


if __name__ == "__main__":
    main()
