"""The price of judging a candidate beyond the forward pass itself, against the obvious way.

    python benchmarks/inner_loop.py                        # all networks
    python benchmarks/inner_loop.py --only 'resnet2*'      # these anew, the others stay in the file

CIFAR networks on 1,000 images of 32 pixels, torchvision's on 64 of 224 pixels; random weights and images, since only
the time matters. Random keep ratios are scaled onto 0.3, 0.5 and 0.7 of the FLOPs. Of every candidate: cut, static
refit, reading its FLOPs and parameters, and the bare forward pass of the same network over the images, which is the
floor of any judgement. The obvious way: deep copy, Torch-Pruning at the channel ratio with about the same FLOPs, batch
norms re-estimated on as many images as our statistics, forward pass. One process, one thread, in turns. Medians and
quartiles go to benchmarks/results/inner_loop.json and inner_loop.md, a profile of our part to
inner_loop_profile.txt.
"""

import argparse
import cProfile
import fnmatch
import importlib
import io
import json
import pstats
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure.loop import Bench, settings
from measure.record import RESULTS, environment, replace
from measure.spread import spread

from cpruner.constraint import read

SHARES = (0.3, 0.5, 0.7)
PROMISED = {"cpu": 0.15, "cuda": 0.25}
PARTS = ("cut", "refit", "costs", "forward")
PROFILED, LINES = 10, 25

Facts = dict[str, Any]


def measured(bench: Bench, rounds: int, peer_rounds: int) -> Facts:
    """Timings by budget, both ways in turns."""
    generator = np.random.default_rng(0)
    importlib.import_module("torch_pruning")  # not to be timed
    facts: Facts = {"groups": len(bench.space.groups), "gather_s": bench.gather_s, "first_s": bench.first_s}
    for share in SHARES:
        rows = [bench.ours(bench.candidate(share, generator)) for _ in range(rounds)]
        entry: Facts = {part: spread([row[part] for row in rows]) for part in PARTS}
        above = [sum(row[part] for part in PARTS[:3]) / row["forward"] for row in rows]
        entry |= {"share": spread(above), "total": spread([sum(row.values()) for row in rows])}
        try:
            peers = [bench.theirs(share) for _ in range(peer_rounds)]
            entry["peer"] = {part: spread([row[part] for row in peers]) for part in peers[0]} if peers else {}
            entry["peer_total"] = spread([sum(row.values()) for row in peers]) if peers else None
        except Exception as error:
            entry["peer_failed"] = f"{type(error).__name__}: {error}".splitlines()[0][:160]
        facts[f"{share:g}"] = entry
    return facts


def profile(bench: Bench, name: str) -> str:
    """Where our part of the time goes."""
    generator = np.random.default_rng(1)
    candidates = [bench.candidate(0.5, generator) for _ in range(PROFILED)]
    profiler = cProfile.Profile()
    profiler.enable()
    for candidate in candidates:
        read(bench.budgets, bench.repairer(candidate), bench.inputs, bench.dense)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(LINES)
    return f"{name}: {PROFILED} candidates, cut, refit and costs\n{text.getvalue()}"


def markdown(record: Mapping[str, Any]) -> str:
    """The record as a page."""
    promised = PROMISED["cuda" if "cuda" in record["on"] else "cpu"]
    lines = [
        "# The inner loop: what a judgement costs beyond its forward pass",
        "",
        f"`{record['command']}`, {record['date']}, {record['device']}, torch {record['versions']['torch']}, "
        f"Torch-Pruning {record['versions']['torch-pruning']}. Medians; *share* with quartiles: cut, static refit and "
        "costs over the bare forward pass of the same smaller network, which no judgement can do without (the floor: "
        f"1 + share is the distance to it). Promised: at most {100 * promised:g} %.",
        "",
        "| network | FLOPs | cut | refit | costs | forward | share | candidates per minute | Torch-Pruning's way | "
        "times faster |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, facts in record["networks"].items():
        for share in SHARES:
            lines.append(_line(name, share, facts[f"{share:g}"]))
    lines += ["", *(f"- {miss}" for miss in misses(record, promised)), ""]
    return "\n".join(lines)


def _line(name: str, share: float, entry: Mapping[str, Any]) -> str:
    cells = [name, f"{share:g}", *(f"{1e3 * entry[part]['median']:.0f} ms" for part in PARTS)]
    above = entry["share"]
    cells.append(f"{100 * above['median']:.1f} % ({100 * above['low']:.1f} to {100 * above['high']:.1f})")
    cells.append(f"{60 / entry['total']['median']:.1f}")
    theirs = entry.get("peer_total")
    if theirs is None:
        cells += [entry.get("peer_failed", "-").replace("|", "/"), "-"]
    else:
        cells += [f"{60 / theirs['median']:.1f}", f"{theirs['median'] / entry['total']['median']:.1f}"]
    return f"| {' | '.join(cells)} |"


def misses(record: Mapping[str, Any], promised: float) -> list[str]:
    """Where the promise is not kept, or one line that says it is."""
    found = [
        f"{name} at {share:g}: {100 * above:.1f} %, promised {100 * promised:g} %"
        for name, facts in record["networks"].items()
        for share in SHARES
        if (above := facts[f"{share:g}"]["share"]["median"]) > promised
    ]
    return found or ["The promise is kept everywhere."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="GLOB", help="networks by name; repeatable")
    parser.add_argument("--rounds", type=int, default=9, help="candidates per budget")
    parser.add_argument("--peer-rounds", type=int, default=3, help="rounds of the obvious way per budget")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS / "inner_loop.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = settings()
    record: Facts = json.loads(options.out.read_text()) if options.only and options.out.is_file() else {}
    record |= {**environment(), "on": options.device}
    done = record.setdefault("networks", {})
    for name in [n for n in chosen if any(fnmatch.fnmatch(n, glob) for glob in options.only or ["*"])]:
        bench = Bench(chosen[name], torch.device(options.device))
        done[name] = measured(bench, options.rounds, options.peer_rounds)
        record["networks"] = {n: done[n] for n in chosen if n in done}
        replace({options.out: json.dumps(record, indent=1) + "\n", options.out.with_suffix(".md"): markdown(record)})
        record.setdefault("profiles", {})[name] = profile(bench, name)
        text = "\n".join(record["profiles"].values())
        replace(
            {
                options.out: json.dumps(record, indent=1) + "\n",
                options.out.with_name(f"{options.out.stem}_profile.txt"): text,
            }
        )
        print(f"{name}: done", flush=True)
    print(markdown(record))


if __name__ == "__main__":
    main()
