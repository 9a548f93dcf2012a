import pytest
import torch
from torch import nn

from cpruner.agent import OnPolicy
from cpruner.agent.adoption import adopt
from cpruner.cmdp import Problem
from cpruner.errors import InputError


def linear(inputs: int, value: float) -> nn.Linear:
    made = nn.Linear(inputs, 2)
    nn.init.constant_(made.weight, value)
    nn.init.constant_(made.bias, value)
    return made


def state(**inputs: int) -> dict[str, dict[str, torch.Tensor]]:
    return {name: dict(linear(width, 1.0).state_dict()) for name, width in inputs.items()}


def test_all_parts_are_loaded_and_others_are_passed_over() -> None:
    ours = {"policy": linear(3, 0.0), "critic": linear(4, 0.0)}
    adopt(ours, {**state(policy=3, critic=4), "memory": []})
    assert all(bool((parameter == 1.0).all()) for module in ours.values() for parameter in module.parameters())


@pytest.mark.parametrize(
    "theirs", [state(policy=3, critic=5), state(policy=3), {**state(policy=3), "critic": {"a": torch.zeros(1)}}]
)
def test_one_part_that_does_not_fit_keeps_all_others_out(theirs: dict[str, dict[str, torch.Tensor]]) -> None:
    ours = {"policy": linear(3, 0.0), "critic": linear(4, 0.0)}
    with pytest.raises(InputError, match=r"critic to begin with: expected weights of shapes \{'weight': \(2, 4\)"):
        adopt(ours, theirs)
    assert all(bool((parameter == 0.0).all()) for module in ours.values() for parameter in module.parameters())


def test_what_was_adopted_is_a_copy() -> None:
    """Neither agent changes the other by learning on."""
    problem = Problem(observation_size=3, action_size=1, horizon=2)
    teacher, agent = (OnPolicy().build(problem, seed) for seed in (0, 1))
    theirs = teacher.state_dict()
    agent.adopt(theirs)
    with torch.no_grad():
        for parameter in agent._policy.parameters():
            parameter.zero_()
    assert str(teacher.state_dict()["policy"]) == str(theirs["policy"])


def test_an_agent_with_other_budgets_is_refused_with_a_remedy() -> None:
    one, two = (Problem(3 + 2 * k, 1, 2, ("a", "b")[:k], (1.0, 1.0)[:k]) for k in (1, 2))
    with pytest.raises(InputError, match=r"normaliser to begin with.*as many budgets"):
        OnPolicy().build(one, 0).adopt(OnPolicy().build(two, 0).state_dict())
