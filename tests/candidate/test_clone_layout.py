"""One look at a network serves many copies: what has changed since is seen, and nothing is shared by mistake."""

from collections import OrderedDict

import torch
from function import Function
from torch import nn

from cpruner.candidate.clone import Template, clone


def tables(module: nn.Module) -> list[str]:
    return [key for key, value in module.__dict__.items() if isinstance(value, dict | set)]


def test_what_has_changed_since_the_template_was_made_is_not_shared() -> None:
    """New attributes, a filled hook table, a tuple of numbers that became one of lists, another kind of store."""
    model = Function(lambda s, x: s.fc(x), fc=nn.Linear(2, 2), conv=nn.Conv2d(1, 1, 1), act=nn.ReLU())
    template = Template(model)
    model.fc.notes = ["new"]
    model.conv.stride = ([1], model.fc)
    model.conv._parameters = OrderedDict(model.conv._parameters)
    model.act.register_forward_hook(lambda *_: None)
    twin = template.copy({})
    assert twin.fc.notes == ["new"]
    assert twin.fc.notes is not model.fc.notes
    assert twin.conv.stride == ([1], twin.fc)
    assert twin.conv.stride[0] is not model.conv.stride[0]
    assert type(twin.conv._parameters) is OrderedDict
    assert torch.equal(twin.conv.weight, model.conv.weight)
    assert len(twin.act._forward_hooks) == 1
    assert twin.act._forward_hooks is not model.act._forward_hooks
    assert twin.act._backward_hooks is not model.act._backward_hooks


def test_a_parameter_that_has_come_or_gone_since() -> None:
    model = nn.Linear(2, 2)
    template = Template(model)
    model.register_parameter("bias", None)
    model.register_parameter("scale", nn.Parameter(torch.ones(2)))
    twin = template.copy({})
    assert twin.bias is None
    assert list(twin.state_dict()) == ["weight", "scale"]
    assert twin.scale is not model.scale


def test_no_table_is_shared_by_two_modules_that_look_alike() -> None:
    model = nn.Sequential(nn.ReLU(), nn.ReLU())
    twin = clone(model, {})
    found = [id(module.__dict__[key]) for module in (*model.modules(), *twin.modules()) for key in tables(module)]
    assert len(found) > 60
    assert len(set(found)) == len(found)


def test_modules_with_one_empty_table_and_with_none() -> None:
    one = nn.ReLU()
    none = nn.Sequential(one)
    for module in (one, none):
        for key in tables(module):
            if key != "_modules":
                del module.__dict__[key]
    twin = clone(none, {})
    assert tables(twin) == tables(twin._modules["0"]) == ["_modules"]
    assert twin._modules["0"] is not one
    assert twin._modules["0"]._modules is not one._modules


def test_constants_are_the_same_objects() -> None:
    """Nobody can change a tuple of numbers."""
    model = nn.Conv2d(1, 1, (3, 5))
    assert clone(model, {}).kernel_size is model.kernel_size
