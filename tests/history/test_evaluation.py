import pytest
from tiny_past import deep_space
from tiny_task import judgement, space

from cpruner.errors import InputError
from cpruner.history import Evaluation


def evaluation(**scaled: float) -> tuple[Evaluation, object]:
    judged = judgement((2, 3, 4), accuracy=0.25, **scaled)
    return Evaluation(1, 2, space().plan.fingerprint, judged.candidate.kept, judged.score, judged.readings), judged


def test_it_is_the_judgement_it_was() -> None:
    found, judged = evaluation(flops=0.5, params=1.5)
    assert found.judgement(space().plan) == judged
    assert found.widths == (2, 3, 4)
    assert found.episode is None


@pytest.mark.parametrize(("params", "feasible"), [(1.0, True), (1.5, False)])
def test_it_is_feasible_under_its_own_budgets(params: float, feasible: bool) -> None:
    found, judged = evaluation(flops=0.5, params=params)
    assert found.feasible is feasible is judged.feasible  # type: ignore[attr-defined]


def test_another_network_has_no_such_candidate() -> None:
    found, _ = evaluation()
    with pytest.raises(InputError, match=r"plan: expected that of the network of run 1.*History\.runs\(plan="):
        found.judgement(deep_space().plan)
