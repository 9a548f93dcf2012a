import pytest

from cpruner.errors import InputError
from cpruner.history import Past


@pytest.mark.parametrize("given", [{"solutions": 4}, {"replay": 10}, {"assistant": True}])
def test_there_must_be_a_file_to_take_from(given: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"Past\.store: expected a file"):
        Past(**given)
    assert Past(store="history.sqlite", **given).store == "history.sqlite"


@pytest.mark.parametrize("given", [{"near": 0.0}, {"solutions": -1}, {"exploration": 1.5}, {"imitation": 0}])
def test_options_have_ranges(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"Past.{next(iter(given))}"):
        Past(store="history.sqlite", **given)  # type: ignore[arg-type]


def test_a_run_says_what_it_was_given() -> None:
    assert Past().origin == Past(store="history.sqlite").origin == ""
    taught = Past(store="history.sqlite", assistant=True, solutions=4, policy="agent.pt")
    assert taught.origin == "assistant=True, solutions=4, policy=agent.pt"
