"""``result.json``: the outcome of a run for programs to read; docs/result.md describes every key."""

import dataclasses
import json
import math
import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpruner.errors import InputError
from cpruner.report.layout import SCHEMA, check_layout
from cpruner.report.report import Report
from cpruner.report.verdict import verdict


def to_result(report: Report) -> dict[str, Any]:
    """The report as JSON values; NaN and infinity become None.

    Raises:
        InputError: Two baselines have one name, or a field of the report has the wrong type.
    """
    names = [row.name for row in report.baselines]
    if len(set(names)) < len(names):
        raise InputError(
            "report.baselines", expected="a different name each", got=names, remedy="Rename one of the rows."
        )
    result: dict[str, Any] = _plain(
        {
            "schema": SCHEMA,
            "seed": report.seed,
            "versions": report.versions,
            "device": report.device,
            "seconds": report.seconds,
            "dense": report.dense,
            "baselines": {row.name: row for row in report.baselines},
            "searched": report.searched,
            "pruned": report.pruned,
            "budgets": report.budgets,
            "groups": report.groups,
            "evaluations": report.searched.evaluations,
            "verdict": verdict(report),
            "judging": report.judging,
            "warnings": report.warnings,
        }
    )
    validate_result(result)
    return result


def write_result(path: str | Path, report: Report) -> None:
    """Write ``to_result(report)`` to a file that is never seen half written.

    Args:
        path: File to write or replace; its folder is made if it is missing.
        report: What to write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_result(report), indent=2, allow_nan=False, ensure_ascii=False)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(f"{text}\n", encoding="utf-8")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def validate_result(result: Any) -> None:
    """Check what was read from ``result.json``.

    Raises:
        InputError: Naming the first key that is missing or has the wrong type, or the version that is not known.
    """
    check_layout(result)
    if result["schema"] != SCHEMA:
        raise InputError(
            "result.schema",
            expected=str(SCHEMA),
            got=result["schema"],
            remedy="Read it with the version of cpruner that wrote it.",
        )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, numbers.Integral):  # numpy integers
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None
