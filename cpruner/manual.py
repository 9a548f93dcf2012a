"""The text of ``cpruner --help``: every option of every group, from the specs that declare them."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

_USAGE = """cpruner: prune a trained network until it meets measured budgets.

  cpruner                                              digits, a small CNN, two budgets
  cpruner constraint=[flops,latency] constraint.flops.limit=0.6 constraint.latency.limit="3.2 ms"
  cpruner -m constraint.flops.limit=0.3,0.5,0.7        one run per value
  cpruner search.resume=runs/cpruner/latest            continue an interrupted run
  cpruner diagnose runs/cpruner/latest                 warnings on its search, and what its observations tell

A limit in (0, 1] is a share of the dense network's cost; text carries its unit. --cfg job prints the composed config.
Choose one file of a group with group=name, set an option with name=value; dense.* are the finetune options for the
training of a network that comes without weights. seed, device, threads and job stand alone.
"""


def manual(specs: Mapping[str, Mapping[str, type]], conf: Path) -> Group:
    """Usage, choices and options.

    Args:
        specs: Config group -> option name -> spec class.
        conf: Folder of the YAML files.
    """
    choices = Table("group", "choices", title="groups", title_justify="left", box=None)
    for folder in sorted(path for path in conf.rglob("*/") if any(path.glob("*.yaml"))):
        choices.add_row(
            folder.relative_to(conf).as_posix(), ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        )
    return Group(Text(_USAGE), choices, *(_options(group, kinds) for group, kinds in specs.items()))


def _options(group: str, kinds: Mapping[str, type]) -> Table:
    table = Table("option", "default", "range", "meaning", title=f"\n{group}", title_justify="left", box=None)
    for name, kind in kinds.items():
        for field in dataclasses.fields(kind):
            owner = f"{group}.{name}" if group == "constraint" else group.replace("/", ".")
            note = f" ({name})" if group != "constraint" and len(kinds) > 1 else ""
            row = (f"{owner}.{field.name}{note}", *_cells(field))
            table.add_row(*(Text(cell) for cell in row))
    return table


def _cells(field: Any) -> Iterator[str]:
    default = field.default_factory() if field.default is dataclasses.MISSING else field.default
    yield str(default)
    meta = field.metadata
    if meta.get("choices"):
        yield " | ".join(meta["choices"])
    elif meta.get("low") is not None or meta.get("high") is not None:
        low, high = meta.get("low"), meta.get("high")
        yield f"{'' if low is None else f'{low} '}..{'' if high is None else f' {high}'}"
    else:
        yield ""
    yield str(meta.get("doc", ""))
