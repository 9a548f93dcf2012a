"""Trace and prune every network of the zoo, beside Torch-Pruning, and write the table.

    python benchmarks/breadth.py                                  # everything, from the start
    python benchmarks/breadth.py --resume                         # only what the file does not have yet
    python benchmarks/breadth.py --only 'resnet*' --only timm/*   # these rows anew, the others stay
    python benchmarks/breadth.py --engine ours                    # our columns anew, Torch-Pruning's stay

Every network and engine has a process of its own with a time limit (and a memory limit, so that a runaway does not
take the machine with it). Results: benchmarks/results/breadth.json and breadth.md, rewritten after every row.
"""

import torch
from measure.record import environment
from measure.row import line
from measure.summary import markdown, summary
from measure.sweep import Page, arguments, sweep

ENGINES = ("ours", "peer")


def main() -> None:
    torch.set_num_threads(1)
    options = arguments(__doc__, "breadth", ENGINES, limit=300)
    sweep(options, ENGINES, environment(), Page(line, summary, markdown))


if __name__ == "__main__":
    main()
