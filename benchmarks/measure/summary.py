"""What the whole breadth table says: how many networks work, and where a promise is missed."""

from collections.abc import Mapping, Sequence
from typing import Any

from measure.record import Row, sources, tables
from measure.row import DENSE_SHARE, HEADER, PEER_RATIO, against_peer, cells, ok, percent, share

CLASSIFIERS = "torchvision"


def summary(rows: Sequence[Row]) -> list[str]:
    """Sentences, the most important first."""
    skipped = [row["name"] for row in rows if row["ours"].get("status") == "skipped"]
    rows = [row for row in rows if row["name"] not in skipped]
    classifiers = [row for row in rows if row["family"] == CLASSIFIERS]
    others = [row for row in rows if row["family"] != CLASSIFIERS]
    lines = [_successes(f"{CLASSIFIERS} classifiers", classifiers), _successes("other networks", others)]
    compared = [(ratio, row["name"]) for row in rows if (ratio := against_peer(row)) is not None]
    if compared:
        worst, name = max(compared)
        lines.append(
            f"Remaining MACs against Torch-Pruning's, where both succeed: at worst {worst:.3f} times ({name})."
        )
    above = [f"{name} {ratio:.3f}" for ratio, name in sorted(compared, reverse=True) if ratio > PEER_RATIO]
    lines.append(f"Above {PEER_RATIO} times Torch-Pruning's: {_listed(above)}.")
    alone = [(share(row["ours"], "macs"), row["name"]) for row in rows if ok(row["ours"]) and not ok(row["peer"])]
    heavy = [f"{name} {percent(value)}" for value, name in alone if value is not None and value > DENSE_SHARE]
    lines.append(f"Above {percent(DENSE_SHARE)} of the dense MACs where Torch-Pruning fails: {_listed(heavy)}.")
    lines.append(f"Not ok: {_listed([row['name'] for row in rows if not ok(row['ours'])])}.")
    return [*lines, f"Skipped: {_listed(skipped)}."] if skipped else lines


def markdown(record: Mapping[str, Any]) -> str:
    """The whole record as a page.

    Args:
        record: ``rows``, and of the environment ``device``, ``versions``, ``date`` and ``command``.
    """
    rows: list[Row] = record["rows"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return "\n".join(
        [
            "# Every network of the zoo at a uniform keep ratio of 0.5",
            "",
            *(f"- {line}" for line in summary(rows)),
            "",
            f"Measured by {sources(rows, ['ours', 'peer'])}; {record['device']}, {versions}. One process per "
            "network and engine, one thread, random weights, inference mode, batch 1. MACs are counted by "
            "`torch.utils.flop_counter` on the networks themselves and must equal the prediction; *max error* compares "
            "with the masked dense network; *frozen* are parameters none of whose axes can shrink; *TP* is "
            "Torch-Pruning with magnitude importance, pruning ratio 0.5 and the classifier left alone (*by hand*: only "
            "with the extra code its own example has for this network).",
            "",
            *tables(rows, HEADER, cells),
        ]
    )


def _successes(what: str, rows: Sequence[Row]) -> str:
    ours, peers = (sum(ok(row[engine]) for row in rows) for engine in ("ours", "peer"))
    by_hand = sum(ok(row["peer"]) and bool(row["peer"].get("by_hand")) for row in rows)
    extra = f" ({by_hand} of them by hand)" if by_hand else ""
    return f"{what}: cpruner {ours} of {len(rows)}, Torch-Pruning {peers} of {len(rows)}{extra}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
