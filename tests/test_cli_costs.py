"""Cost functions of the user, from the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from drive import Command, refused
from tiny_job import UNTRAINED

pytestmark = pytest.mark.integration


@pytest.fixture
def cpruner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, tmp_path / "cache", lambda: tuple(capsys.readouterr()))  # type: ignore[arg-type, return-value]


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Make a module with a cost function of a given body; returns its dotted path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(body: str) -> str:
        name = f"cost_{abs(hash(body))}"
        (tmp_path / f"{name}.py").write_text(f"def cost(network, example_inputs):\n    {body}\n")
        return f"{name}:cost"

    return make


BAD_COSTS = {
    "raises": ("raise RuntimeError('the scale is empty')", "cost 'cost'.*RuntimeError: the scale is empty"),
    "is no number": ("return float('nan')", "cost 'cost': expected a finite number, got nan"),
    "is text": ("return 'heavy'", "cost 'cost': expected a finite number, got 'heavy'"),
}


@pytest.mark.parametrize(("body", "message"), BAD_COSTS.values(), ids=BAD_COSTS)
def test_a_cost_function_that_fails(cpruner: Command, costs: Callable[[str], str], body: str, message: str) -> None:
    external = ("constraint=[external]", "constraint.external.limit=0.5")
    outcome = cpruner(*UNTRAINED, *external, f"constraint.external.function={costs(body)}")
    refused(outcome.code, outcome.err, message)


def test_a_cost_function_that_works_is_a_budget(cpruner: Command, costs: Callable[[str], str]) -> None:
    path = costs("return sum(p.numel() for p in network.parameters())")
    external = ("constraint=[external]", "constraint.external.limit=0.6", "search.baselines=[]")
    outcome = cpruner(*UNTRAINED, *external, f"constraint.external.function={path}", "agent=uniform")
    assert outcome.code == 0, outcome.err
    (budget,) = cpruner.result()["budgets"]
    assert budget["value"] == cpruner.result()["pruned"]["params"] <= budget["limit"]
