"""The round-trip table: which exits from eager PyTorch are open to the dense and to the pruned network."""

from collections.abc import Mapping, Sequence
from typing import Any

from measure.deploy import TOLERANCE
from measure.record import Row, sources, tables
from measure.roundtrip import LIFE, WAYS, close
from measure.row import result, seconds

TITLES = {
    "export": "torch.export",
    "strict": "torch.export, strict",
    "onnx": "ONNX",
    "compile": "torch.compile",
    "inductor": "inductor",
}
HEADER = [
    "network",
    "result",
    "programs",
    *LIFE,
    *(f"{TITLES[way]}, {who}" for way in WAYS for who in ("dense", "pruned")),
]


def summary(rows: Sequence[Row]) -> list[str]:
    """Sentences, the most important first."""
    facts = [row["roundtrip"] for row in rows if row["roundtrip"].get("status") != "skipped"]
    good = sum(one["status"] == "ok" for one in facts)
    lines = [f"{good} of {len(facts)} pruned networks can all that the dense one can."]
    for way, title in TITLES.items():
        tried = [one for one in facts if f"{way}_dense" in one]
        able = [one for one in tried if close(one[f"{way}_dense"])]
        errors = [one[f"{way}_pruned"]["error"] for one in able if close(one.get(f"{way}_pruned", {}))]
        worst = f", largest error {max(errors):.1e}" if errors else ""
        lines.append(f"{title}: dense {len(able)} of {len(tried)}, pruned {len(errors)} of these {len(able)}{worst}.")
    for name in LIFE:
        tried = [one for one in facts if name in one]
        lines.append(f"{name}: {sum('reason' not in one[name] for one in tried)} of {len(tried)} pruned networks.")
    bad = [row["name"] for row in rows if row["roundtrip"].get("status") not in ("ok", "skipped")]
    return [*lines, f"Not ok: {', '.join(bad) or 'none'}."]


def markdown(record: Mapping[str, Any]) -> str:
    """The whole record as a page.

    Args:
        record: ``rows``, and of the environment ``device``, ``versions``, ``date`` and ``command``.
    """
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return "\n".join(
        [
            "# From eager PyTorch and back: every network of the zoo at a uniform keep ratio of 0.5",
            "",
            *(f"- {line}" for line in summary(record["rows"])),
            "",
            f"Measured by {sources(record['rows'], ['roundtrip'])}; {record['device']}, {versions}. "
            "One process each, one thread, random weights, batch 1. *programs* are modules whose own code is "
            "replaced. *train* is a step of SGD in training mode that reaches every parameter, *copy* a deep "
            "copy, *pickle* `torch.save` of the whole module, *state_dict* loading into another materialised "
            "network. The other columns state the greatest error relative to the eager network, or why it failed; "
            f"a pruned network is asked where the dense one is within {TOLERANCE:g}. ONNX is run by onnxruntime; "
            "torch.compile is without graph breaks (aot_eager), inductor for a few networks.",
            "",
            *tables(record["rows"], HEADER, cells),
        ]
    )


def line(row: Row) -> str:
    """One line for the terminal, while rows come in."""
    facts = row["roundtrip"]
    ways = " ".join(f"{way} {_exit(facts, way, 'dense')[:10]} > {_exit(facts, way, 'pruned')[:10]}" for way in WAYS)
    return f"{row['name']:<40} {facts.get('status', '-'):<8} {ways}  {facts.get('reason', '')[:160]}"


def cells(row: Row) -> list[str]:
    """Text of every column of ``HEADER``."""
    facts = row["roundtrip"]
    life = [result({"status": "failed", **facts[n]}) if "reason" in facts[n] else "ok" for n in LIFE if n in facts]
    exits = [_exit(facts, way, who) for way in WAYS for who in ("dense", "pruned")]
    return [
        row["name"],
        result(facts),
        str(facts.get("programs", "-")),
        *life,
        *["-"] * (len(LIFE) - len(life)),
        *exits,
    ]


def _exit(facts: Mapping[str, Any], way: str, who: str) -> str:
    found = facts.get(f"{way}_{who}")
    if found is None:
        return "-"
    if "reason" in found:
        return result({"status": "failed", **found})
    return f"{'not finite' if found['error'] is None else format(found['error'], '.0e')}, {seconds(found['seconds'])}"
