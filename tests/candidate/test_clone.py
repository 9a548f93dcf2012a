import copy
from collections import OrderedDict
from typing import Any

import torch
from function import Function
from torch import Tensor, nn

from cpruner.candidate import rebuilt
from cpruner.candidate.clone import Template, clone


def memo_of(model: nn.Module) -> dict[int, Any]:
    """New tensors for all of a model, one larger than the old ones."""
    old = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return {place: rebuilt(tensor, tensor.detach() + 1) for place, tensor in old.items()}


class Rich(nn.Module):
    """All that a module may keep beside its tensors and children."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("cache", torch.ones(2), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("absent", None)
        self.order = [self.a, self.b]
        self.pair = (self.a, 3)
        self.by_name = OrderedDict(first=self.a)
        self.nested = {"x": [1, {"y": self.b}], "weight": self.a.weight}
        self.outside = [nn.Linear(2, 2)]
        self.numbers, self.shape, self.flags = [1, 2], torch.Size([3]), {"p", "q"}
        self.plain, self.derived, self.many = torch.arange(3.0), self.a.weight * 2, [self.b.weight * 3]
        self.function, self.method = torch.relu, self.twice
        self.config: dict[str, Any] = {"self": None}
        self.config["self"] = self.config

    def twice(self, x: Tensor) -> Tensor:
        return 2 * self.a(x)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.order:
            x = layer(x)
        return x + self.method(torch.ones(3)).sum()


def test_tensors_are_those_of_the_memo() -> None:
    model = Rich()
    memo = memo_of(model)
    expected = {name: memo[id(tensor)] for name, tensor in model.named_parameters()}
    twin = clone(model, memo)
    assert type(twin) is Rich
    assert {name: id(tensor) for name, tensor in twin.named_parameters()} == {n: id(t) for n, t in expected.items()}
    assert torch.equal(twin.mean, torch.ones(4))


def test_attributes_lead_to_the_new_modules() -> None:
    model = Rich()
    twin = clone(model, memo_of(model))
    assert twin.order[0] is twin.a is twin.pair[0] is twin.by_name["first"] is not model.a
    assert twin.nested["x"][1]["y"] is twin.b is twin.order[1] is not model.b
    assert twin.nested["weight"] is twin.a.weight
    assert twin.method.__self__ is twin
    assert twin.outside[0] is not model.outside[0]
    assert twin.config["self"] is twin.config is not model.config
    x = torch.ones(1, 3)
    assert torch.equal(twin(x), twin.b(twin.a(x)) + twin.twice(torch.ones(3)).sum())


def test_other_attributes_are_copies_with_the_same_value() -> None:
    model = Rich()
    twin = clone(model, memo_of(model))
    assert (twin.numbers, twin.shape, twin.flags, twin.pair[1]) == ([1, 2], torch.Size([3]), {"p", "q"}, 3)
    assert twin.function is torch.relu
    assert torch.equal(twin.plain, model.plain)
    for name in ("numbers", "flags", "plain", "config", "order", "_modules", "_parameters", "_buffers"):
        assert getattr(twin, name) is not getattr(model, name)
    twin.numbers.append(3)
    twin.plain.zero_()
    assert (model.numbers, model.plain.sum()) == ([1, 2], 3)


def test_tensors_with_a_history_are_copied_without_it() -> None:
    """``copy.deepcopy`` refuses them; ``torch.nn.utils.weight_norm`` keeps one."""
    model = Rich()
    twin = clone(model, memo_of(model))
    for mine, theirs in ((twin.derived, model.derived), (twin.many[0], model.many[0])):
        assert torch.equal(mine, theirs)
        assert mine.is_leaf
        assert mine.data_ptr() != theirs.data_ptr()


def test_absent_tensors_and_buffers_that_are_not_saved() -> None:
    model = Rich()
    twin = clone(model, memo_of(model))
    assert twin.nothing is None
    assert twin.absent is None
    assert "cache" not in twin.state_dict()
    assert torch.equal(twin.cache, torch.full((2,), 2.0))
    assert list(twin.state_dict()) == list(model.state_dict())


def test_the_model_is_not_touched() -> None:
    model = Rich()
    state = {id(module): dict(module.__dict__) for module in model.modules()}
    before = copy.deepcopy(model.state_dict())
    clone(model, memo_of(model))
    for module in model.modules():
        assert list(state[id(module)]) == list(module.__dict__)
        assert all(module.__dict__[key] is value for key, value in state[id(module)].items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_modes() -> None:
    model = Rich().train()
    model.a.eval()
    assert [module.training for module in clone(model, {}).modules()] == [True, False, True]


def test_without_a_memo_it_is_a_deep_copy() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    twin = clone(model, {})
    assert all(torch.equal(tensor, twin.state_dict()[name]) for name, tensor in model.state_dict().items())
    pointers = {tensor.data_ptr() for tensor in model.state_dict().values()}
    assert not pointers & {tensor.data_ptr() for tensor in twin.state_dict().values()}


def test_what_two_modules_share_they_still_share() -> None:
    """A list that one module fills and another reads, as in a U-Net; empty and filled."""
    for content in ([], [1]):
        model = nn.Sequential(nn.Identity(), nn.Identity())
        model[0].skips = model[1].skips = content
        twin = clone(model, {})
        assert twin[0].skips is twin[1].skips is not content
        assert twin[0].skips == content


def test_a_shared_module_and_tied_weights() -> None:
    shared = nn.Linear(3, 3)
    model = nn.ModuleDict({"a": shared, "b": shared, "c": nn.Linear(3, 3)})
    model["c"].weight = shared.weight
    twin = clone(model, memo_of(model))
    assert twin["a"] is twin["b"]
    assert twin["c"].weight is twin["a"].weight is not shared.weight


class Counting(nn.Module):
    """Counts its calls in hooks: a function, and a method of the module itself."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.register_forward_pre_hook(Counting.before)
        self.register_forward_hook(self.after)

    @staticmethod
    def before(module: nn.Module, _args: Any) -> None:
        module.calls.append("before")

    def after(self, _module: nn.Module, _args: Any, _out: Any) -> None:
        self.calls.append("after")

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_hooks_are_copied_and_belong_to_the_copy() -> None:
    model = Counting()
    twin = clone(model, {})
    twin(torch.ones(1))
    assert (model.calls, twin.calls) == ([], ["before", "after"])
    twin._forward_hooks.clear()
    model(torch.ones(1))
    assert model.calls == ["before", "after"]


def test_one_template_makes_many_copies_of_what_the_model_is_by_then() -> None:
    model = Function(lambda s, x: s.fc(x), fc=nn.Linear(2, 2))
    template = Template(model)
    first = template.copy(memo_of(model))
    model.train()
    model.note, model.fc.note = ["new"], {}
    model.fc.note["k"] = 1
    with torch.no_grad():
        model.fc.weight.fill_(5)
    second = template.copy(memo_of(model))
    assert (first.training, second.training) == (False, True)
    assert torch.equal(second.fc.weight, torch.full((2, 2), 6.0, dtype=torch.float64))
    assert first.fc is not second.fc
    assert not hasattr(first, "note")


def test_rebuilt_parameters_keep_their_flags() -> None:
    old = nn.Parameter(torch.ones(3), requires_grad=False)
    old.some_flag, old.no_decay = "yes", True
    new = rebuilt(old, torch.zeros(2))
    assert isinstance(new, nn.Parameter)
    assert (new.requires_grad, new.some_flag, new.no_decay, new.shape) == (False, "yes", True, (2,))
    new.some_flag = "no"
    assert old.some_flag == "yes"


def test_rebuilt_parameters_of_a_class_of_their_own_are_parameters() -> None:
    class Own(nn.Parameter):
        pass

    new = rebuilt(Own(torch.ones(3), requires_grad=False), torch.zeros(2))
    assert (type(new), new.requires_grad) == (nn.Parameter, False)


def test_rebuilt_buffers_are_the_value_itself() -> None:
    value = torch.zeros(2)
    assert rebuilt(torch.ones(3), value) is value


def test_torch_compile_patches_all_modules_and_changes_nothing_here() -> None:
    """It gives ``nn.Module`` another ``__setstate__``, which says nothing about any class."""
    from cpruner.candidate.clone import _special

    _special.cache_clear()
    before = nn.Module.__setstate__

    def patched(self: nn.Module, state: Any) -> None:
        before(self, state)

    try:
        nn.Module.__setstate__ = patched  # type: ignore[method-assign]
        assert not _special(Rich)
        clone(Rich(), {})
    finally:
        nn.Module.__setstate__ = before  # type: ignore[method-assign]
