import dataclasses

import pytest


def test_report_is_a_value(report):
    assert report == dataclasses.replace(report)
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.seed = 1


def test_optional_parts_are_empty_by_default(report):
    values = {name: getattr(report, name) for name in ("seed", "versions", "device", "seconds", "dense", "baselines")}
    short = type(report)(**values, searched=report.searched, pruned=report.pruned)
    assert (short.budgets, short.groups, short.uniform_groups, short.history.accuracy) == ((), (), (), ())
