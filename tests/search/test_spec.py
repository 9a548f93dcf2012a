from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.search import Search


def test_three_baselines_and_no_resume_unless_asked_for() -> None:
    assert Search() == Search(evaluations=200, baselines=["uniform", "random", "knapsack"], resume=None)


def test_specs_do_not_share_their_list() -> None:
    assert Search().baselines is not Search().baselines


@pytest.mark.parametrize("wrong", [0, -5, "many", True, float("nan")])
def test_fewer_than_one_evaluation_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"Search\.evaluations: expected a number in \[1, inf\]"):
        Search(evaluations=wrong)
    assert Search(evaluations=1).evaluations == 1
