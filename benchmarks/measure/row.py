"""One row of the breadth table, from the facts of both engines."""

from collections.abc import Mapping
from typing import Any

from measure.record import Row

#: Least promises: our MACs at most this many times Torch-Pruning's, and at most this share of dense where it fails.
PEER_RATIO, DENSE_SHARE = 1.1, 0.6

HEADER = [
    "network",
    "result",
    "groups",
    "parameters",
    "frozen",
    "frozen mostly because",
    "MACs at 0.5",
    "parameters at 0.5",
    "max error",
    "trace",
    "materialise",
    "peak memory",
    "TP",
    "TP MACs at 0.5",
    "TP parameters at 0.5",
    "TP graph",
    "TP graph and cut",
    "TP peak memory",
]


def ok(facts: Mapping[str, Any]) -> bool:
    """Whether an engine kept every promise on this network."""
    return facts.get("status") == "ok"


def share(facts: Mapping[str, Any], what: str) -> float | None:
    """``small_<what>`` over ``<what>``, or None where either was not reached."""
    if f"small_{what}" not in facts or not facts.get(what):
        return None
    return float(facts[f"small_{what}"] / facts[what])


def against_peer(row: Row) -> float | None:
    """Our remaining MACs over Torch-Pruning's, both by torch's counter; None unless both succeeded."""
    if not (ok(row["ours"]) and ok(row["peer"])):
        return None
    return float(row["ours"]["small_macs"] / row["peer"]["small_macs"])


def cells(row: Row) -> list[str]:
    """Text of every column of ``HEADER``."""
    ours, peer = row["ours"], row["peer"]
    return [row["name"], result(ours), *_structure(ours), *_shares(ours), _error(ours), *_costs(ours), *_peer(peer)]


def line(row: Row) -> str:
    """One line for the terminal, while rows come in."""
    ours, peer = row["ours"], row["peer"]
    macs, params, theirs = (
        percent(value) for value in (share(ours, "macs"), share(ours, "params"), share(peer, "macs"))
    )
    cost = f"{seconds(ours.get('trace_s'))} + {seconds(ours.get('materialise_s'))}"
    said = "; ".join(f"{name}: {f['reason']}" for name, f in (("ours", ours), ("TP", peer)) if f.get("reason"))
    return (
        f"{row['name']:<40} {ours.get('status', '-'):<8} MACs {macs:>7} params {params:>7} error {_error(ours):>8} "
        f"{cost:<17} | TP {peer.get('status', '-'):<8} MACs {theirs:>7} {said[:160]}"
    )


def result(facts: Mapping[str, Any]) -> str:
    """``ok``, or the status with its reason, fit for a table cell."""
    status = str(facts.get("status", "not run"))
    reason = str(facts.get("reason", "")).replace("|", "/").replace("\n", " ")
    if reason:
        return f"{status}: {reason[:140]}"
    return f"{status}, by hand" if facts.get("by_hand") else status


def percent(value: float | None) -> str:
    """A share, or a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def seconds(value: float | None) -> str:
    """A duration in a unit that suits it, or a dash."""
    if value is None:
        return "-"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.1f} ms"


def _structure(facts: Mapping[str, Any]) -> list[str]:
    if "groups" not in facts:
        return ["-", f"{facts['params'] / 1e6:.1f} M" if "params" in facts else "-", "-", "-"]
    frozen = f"{facts['frozen_params']} in {facts['frozen_axes']} axes"
    top = next(iter(facts["frozen_reasons"]), "").replace("|", "/")
    return [str(facts["groups"]), f"{facts['params'] / 1e6:.1f} M", frozen, top[:80]]


def _shares(facts: Mapping[str, Any]) -> list[str]:
    return [percent(share(facts, "macs")), percent(share(facts, "params"))]


def _error(facts: Mapping[str, Any]) -> str:
    if "max_error" not in facts:
        return "-"
    mark = "" if facts.get("precision") == "float64" else " (float32)"
    return "not finite" if facts["max_error"] is None else f"{facts['max_error']:.0e}{mark}"


def _costs(facts: Mapping[str, Any]) -> list[str]:
    peak = f"{facts['peak_mb']:.0f} MiB" if "peak_mb" in facts else "-"
    return [seconds(facts.get("trace_s")), seconds(facts.get("materialise_s")), peak]


def _peer(facts: Mapping[str, Any]) -> list[str]:
    return [result(facts), *_shares(facts), *_costs(facts)]
