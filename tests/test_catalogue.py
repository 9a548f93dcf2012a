import dataclasses

import pytest

from cpruner.catalogue import SPECS


@pytest.mark.parametrize("group", list(SPECS))
def test_every_option_is_a_frozen_spec_of_its_room(group: str) -> None:
    room = {
        "finetune": "finetune",
        "problem": "env",
        "judging": "evaluate",
        "polish": "repair",
        "warm_up": "agent",
        "assistant": "search",
        "past": "history",
    }.get(group, group)
    for name, spec in SPECS[group].items():
        assert dataclasses.is_dataclass(spec), name
        assert spec.__dataclass_params__.frozen, name  # type: ignore[attr-defined]
        assert spec.__module__.startswith(f"cpruner.{room.replace('/', '.')}"), name


def test_no_spec_stands_twice_under_other_names() -> None:
    specs = [spec for options in SPECS.values() for spec in options.values()]
    assert len(specs) == len(set(specs))
