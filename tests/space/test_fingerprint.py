import copy

import pytest
from tiny_task import EXAMPLE, task
from torch import nn

from cpruner.space import fingerprint, trace


def of(model: nn.Module) -> str:
    return fingerprint(model, trace(model, EXAMPLE))


def test_a_copy_has_the_same() -> None:
    model = task().model
    assert of(copy.deepcopy(model)) == of(model)


@pytest.mark.parametrize("name", ["0.weight", "11.bias", "4.running_mean", "7.num_batches_tracked"])
def test_it_changes_with_any_weight_or_buffer(name: str) -> None:
    model = copy.deepcopy(task().model)
    model.state_dict()[name].view(-1)[-1:] += 1
    assert of(model) != of(task().model)


def test_it_changes_with_the_structure() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10))
    deep = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10), nn.Identity())
    deep.load_state_dict(wide.state_dict())
    assert of(wide) == of(deep)  # the same weights with the same coupling
    assert of(nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10))) != of(wide)
