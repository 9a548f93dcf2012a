"""Write the tables of README.md and docs from the committed result files: every number has a file behind it.

python benchmarks/readme.py           # rewrite them
python benchmarks/readme.py --check   # exit status 1 if one is out of date
"""

import argparse
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

from exactness import markdown as exact_table
from exactness_causes import markdown as cause_table
from front import markdown as front_table
from measure import advance, exits
from measure.standing import markdown as standings
from measure.summary import summary
from observation import markdown as observed
from reward import cells as reward_cells
from surgery import faster

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ("repair", "ranking", "surrogate", "judging", "exactness", "environment", "search")
PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{page}.md" for page in DOCS))
TASKS = ("digits", "resnet20", "resnet56", "vgg16", "mobilenet_v1")
FEWEST = 20  # candidates that a correlation says something about
HEADLINE = (
    "uniform",
    "random",
    "cross_entropy",
    "ddpg",
    "knapsack",
    "ppo_lagrangian",
    *("ppo_lagrangian, warm-up, assistant", "ppo_lagrangian, warm-up, assistant, no moves"),
    *("ddpg, warm-up, assistant", "ddpg, warm-up, assistant, no moves"),
)
ONCE = {"final": "sequential, more images (once)", "polished": "the same and polished (once)"}


def percent(share: float) -> str:
    """A share as text."""
    return f"{100 * share:.2f} %"


def demo() -> str:
    """The table of the default run."""
    result = json.loads((RESULTS / "demo.json").read_text())
    rows = [
        ("dense", result["dense"]),
        *result["baselines"].items(),
        ("agent", result["searched"]),
        ("agent + fine-tuning", result["pruned"]),
    ]
    lines = ["| network | search | test | FLOPs | parameters | latency |", "|---|---|---|---|---|---|"]
    for name, row in rows:
        accuracies = f"{percent(row['search_accuracy'])} | {percent(row['test_accuracy'])}"
        costs = f"{row['flops'] / 1e3:.1f} k | {row['params']:.0f} | {row['latency_ms']:.3f} ms"
        lines.append(f"| {name} | {accuracies} | {costs} |")
    budgets = "; ".join(f"{b['name']} {b['value']:.0f} of at most {b['limit']:.0f}" for b in result["budgets"])
    seconds = sum(result["seconds"].values())
    lines += [
        "",
        f"Handwritten digits, a small residual CNN, {result['evaluations']} evaluations each, one thread: "
        f"{seconds:.0f} s of work ({result['device']}). Budgets, measured on the saved file in a fresh process: "
        f"{budgets}. {result['verdict']}",
    ]
    return "\n".join(lines)


def bench() -> str:
    """The table of the first page: some entries of every network."""
    return standings(records("search"), HEADLINE)


def records(kind: str, label: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The tasks that a benchmark was run on, with the end of the names of the files."""
    paths = ((task, RESULTS / f"{kind}_{task}{label}.json") for task in TASKS)
    return [(task, json.loads(path.read_text())) for task, path in paths if path.is_file()]


def repair() -> str:
    """The table of the repair modes."""
    lines = ["| repair | search accuracy | test accuracy | time per candidate |", "|---|---|---|---|"]
    for task, record in records("repair"):
        lines.append(f"| **{task}**, {record['device']}; dense | | {percent(record['dense']['test_accuracy'])} | |")
        for name, mode in record["modes"].items():
            found = mode["summary"]
            accuracies = (ranged(found[f"{split}_accuracy"], 100, "%") for split in ("search", "test"))
            taken = ranged(found["milliseconds"], 1, "ms")
            lines.append(f"| {ONCE.get(name, name)} | {' | '.join(accuracies)} | {taken} |")
    return "\n".join(lines)


def ranking() -> str:
    """The table of the ranking criteria."""
    lines = ["| criterion | as cut | static | sequential | time to rank |", "|---|---|---|---|---|"]
    for task, record in records("ranking"):
        dense = percent(record["dense"]["test_accuracy"])
        lines.append(f"| **{task}**, {record['device']}; dense {dense} | | | | |")
        for name, criterion in record["criteria"].items():
            found = criterion["summary"]
            cells = [ranged(found[mode]["test_accuracy"], 100, "%") for mode in ("none", "static", "sequential")]
            lines.append(f"| {name} | {' | '.join(cells)} | {ranged(found['seconds'], 1000, 'ms')} |")
    return "\n".join(lines)


def correlation() -> str:
    """The surrogate's correlations with the judged loss."""
    lines = ["| network | candidates | errors | 0.3 to 0.7 of the FLOPs | half the FLOPs |", "|---|---|---|---|---|"]
    for task, record in records("surrogate"):
        found, count = record["correlation"], record["correlation"]["candidates"]
        for label, key in (("relative", ", relative"), ("by curvature", "")):
            cells = [f"{found[f'{part}{key}']:.3f}" for part in ("all budgets", "half")]
            lines.append(f"| {task} | {count} | {label} | {' | '.join(cells)} |")
        ways = {"calibrated on {judgements}, tried on {held_out} others": found["half, calibrated"]}
        ways["cross-validated: calibrated on {judgements} of the budget"] = [found["half, cross-validated"]]
        ways["cross-validated: calibrated on {judgements} of all budgets"] = [found["half, with other budgets"]]
        for label, rows in ways.items():
            told = [row for row in rows if row["held_out"] >= FEWEST]
            lines += [f"| {task} | | {label.format(**row)} | | {row['spearman']:.3f} |" for row in told]
        if tuned := record.get("tuned"):
            cells = [f"{tuned[f'spearman, {key}']:.3f}" for key in ("as it comes", "calibrated", "search loss")]
            text = (
                f"against fine-tuned accuracy: by curvature {cells[0]}, calibrated {cells[1]}, judged loss {cells[2]}"
            )
            lines.append(f"| {task} | {tuned['candidates']} | {text} | | |")
    return "\n".join(lines)


def surrogate() -> str:
    """What the surrogate's optimum is worth."""
    lines = [
        "| widths | judgements | FLOPs | search loss | static | sequential |",
        "|---|---|---|---|---|---|",
    ]
    for task, record in records("surrogate"):
        lines.append(f"| **{task}**, {record['final_images']} images for the sequential repair | | | | | |")
        for name, row in record["optima"].items():
            cells = [f"{row['flops']:.3f}", f"{row['search_loss']:.3f}", percent(row["static"])]
            lines.append(f"| {name} | {row['judgements']} | {' | '.join(cells)} | {percent(row['sequential'])} |")
    return "\n".join(lines)


def reward() -> str:
    """The correlation of every reward with the accuracy after fine-tuning."""
    lines: list[str] = []
    for task, record in records("reward"):
        header, rows = reward_cells(record)
        lines += [] if lines else [f"| network | {' | '.join(header)} |", f"|---{'|---' * len(header)}|"]
        lines += [f"| {task} | {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def breadth() -> str:
    """What the table of all networks comes to, and the time of a cut."""
    lines = [f"- {line}" for line in summary(json.loads((RESULTS / "breadth.json").read_text())["rows"])]
    cuts = json.loads((RESULTS / "surgery.json").read_text())["networks"].values()
    ratios = sorted(ratio for facts in cuts if (ratio := faster(facts)) is not None)
    above = sorted(facts["above_floor"]["median"] for facts in cuts)
    lines.append(
        f"- Cutting a candidate out of {len(cuts)} networks: {ratios[0]:.0f} to {ratios[-1]:.0f} times faster than "
        f"Torch-Pruning, {above[0]:.1f} to {above[-1]:.1f} times the time of cloning what is kept "
        "([`surgery.md`](benchmarks/results/surgery.md))."
    )
    if (RESULTS / "roundtrip.json").is_file():
        able = exits.summary(json.loads((RESULTS / "roundtrip.json").read_text())["rows"])[0]
        lines.append(
            f"- Training, copies, pickling, `torch.export`, ONNX and `torch.compile`: {able[:-1]} "
            "([`roundtrip.md`](benchmarks/results/roundtrip.md))."
        )
    return "\n".join(lines)


def exactness(label: str = "") -> str:
    """The table of agents against exact solutions."""
    return exact_table(json.loads((RESULTS / f"exactness{label}.json").read_text()))


def causes() -> str:
    """The table of one option changed at a time."""
    return cause_table(json.loads((RESULTS / "exactness_causes.json").read_text()))


def ranged(values: dict[str, float], scale: float, unit: str) -> str:
    """Median, and the smallest and largest value if they differ."""
    median, low, high = (f"{scale * values[key]:.1f}" for key in ("median", "low", "high"))
    return f"{median} {unit}" if low == high else f"{median} {unit} ({low} to {high})"


def filled(text: str) -> str:
    """A page with its marked parts rewritten."""
    parts = {"demo": demo, "bench": bench, "repair": repair, "ranking": ranking, "breadth": breadth}
    parts |= {"correlation": correlation, "surrogate": surrogate, "reward": reward}
    parts |= {"exactness": exactness, "exactness_unseen": partial(exactness, "_unseen"), "causes": causes}
    parts["front"] = lambda: front_table(records("front"))
    for label in ("", "_images5000", "_after_resnet20", "_three", "_tight"):
        parts[f"searches{label}"] = partial(standings, records("search", label))
    for label in ("", "_images5000", "_tight"):
        parts[f"advance{label}"] = partial(advance.markdown, records("search", label))
    parts["observation"] = lambda: observed(records("observation"))
    for name, make in parts.items():
        if f"<!-- {name} -->" not in text:
            continue
        part = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->".replace("\\", r"\\")
        text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", part, text, flags=re.DOTALL)
    return text


def main(arguments: Any = None) -> int:
    """Rewrite or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    outdated = False
    for page in PAGES:
        before = page.read_text()
        after = filled(before)
        outdated |= before != after
        if not options.check:
            page.write_text(after)
    return int(options.check and outdated)


if __name__ == "__main__":
    sys.exit(main())
