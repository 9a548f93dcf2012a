"""What the dense network can, the pruned one must: train, copy, save, torch.export, ONNX, torch.compile.

    python benchmarks/roundtrip.py                                  # the whole zoo, from the start
    python benchmarks/roundtrip.py --resume                         # only what the file does not have yet
    python benchmarks/roundtrip.py --only 'resnet*' --only timm/*   # these rows anew, the others stay

Every network has a process of its own with a time and a memory limit, as in breadth.py. Needs the extra ``onnx``.
Results: benchmarks/results/roundtrip.json and roundtrip.md, rewritten after every row.
"""

import torch
from measure.exits import line, markdown, summary
from measure.record import environment
from measure.sweep import Page, arguments, sweep

ENGINES = ("roundtrip",)


def main() -> None:
    torch.set_num_threads(1)
    options = arguments(__doc__, "roundtrip", ENGINES, limit=900)
    sweep(options, ENGINES, environment("onnx", "onnxruntime", "onnxscript"), Page(line, summary, markdown))


if __name__ == "__main__":
    main()
