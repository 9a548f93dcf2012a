"""What the dense network can, the pruned one must: train, copy, save, torch.export, ONNX, torch.compile.

    python benchmarks/roundtrip.py                                  # the whole zoo, from the start
    python benchmarks/roundtrip.py --resume                         # only what the file does not have yet
    python benchmarks/roundtrip.py --only 'resnet*' --only timm/*   # these rows anew, the others stay

Every network has a process of its own with a time and a memory limit, as in breadth.py. Needs the extra ``onnx``.
Results: benchmarks/results/roundtrip.json and roundtrip.md, rewritten after every row.
"""

import argparse
import fnmatch
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from breadth import Facts, measured, stored, todo
from measure.exits import line, markdown, summary
from measure.record import RESULTS, environment, replace
from zoo import zoo

ENGINE = "roundtrip"


def write(path: Path, rows: Mapping[str, Any], around: Mapping[str, Any], order: Sequence[str]) -> None:
    """Both files, each replaced at once; rows in the order of the zoo."""
    record = {**around, "rows": [rows[name] for name in order if name in rows]}
    replace({path: json.dumps(record, indent=1) + "\n", path.with_suffix(".md"): markdown(record)})


def parsed() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="GLOB", help="networks by name or family; repeatable")
    parser.add_argument("--resume", action="store_true", help="measure only what the file lacks")
    parser.add_argument("--retry", action="store_true", help="measure only what the file lacks or has as not ok")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--limit", type=float, default=900, help="seconds per process")
    parser.add_argument("--memory", type=float, default=16, help="GiB per process, 0 for no limit")
    parser.add_argument("--out", type=Path, default=RESULTS / "roundtrip.json")
    options = parser.parse_args()
    options.engine = [ENGINE]
    return options


def main() -> None:
    torch.set_num_threads(1)
    options = parsed()
    entries, around = zoo(), environment("onnx", "onnxruntime", "onnxscript")
    only = options.only or ["*"]
    names = [e.name for e in entries.values() if any(fnmatch.fnmatch(x, g) for g in only for x in (e.name, e.family))]
    partial = options.resume or options.retry or options.only
    rows: dict[str, Any] = stored(options.out) if partial else {}
    with ThreadPoolExecutor(options.jobs) as pool:
        futures: dict[Future[Facts], str] = {
            pool.submit(measured, ENGINE, entries[name], options.limit, options.memory): name
            for name, _ in todo(rows, names, options)
        }
        for future in as_completed(futures):
            name = futures[future]
            rows[name] = {"name": name, "family": entries[name].family, ENGINE: future.result()}
            write(options.out, rows, around, list(entries))
            print(line(rows[name]), flush=True)
    print("\n".join(["", *summary([rows[name] for name in entries if name in rows])]))


if __name__ == "__main__":
    main()
