from collections.abc import Callable
from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn
from torch.nn.utils import spectral_norm, weight_norm

from cpruner.candidate import materialise
from cpruner.errors import TraceError
from cpruner.space import PruningSpace, trace
from cpruner.testing import check_model, model_contract
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    """Everything that a careless visitor might disturb: dropout, mixed modes, a frozen weight, a gradient, a hook."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(96, 2)
        ).train()
    model[1].eval()
    model[5].bias.requires_grad_(False)
    model(X).sum().backward()
    model[2].register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("name", ["residual", "channel shuffle", "packed attention", "encoder layer"])
def test_the_nets_keep_the_contract(name: str) -> None:
    space = check_model(NET[name].build(), NET[name].inputs(), candidates=1)
    assert tuple((group.name, group.size) for group in space.groups) == NET[name].groups


def test_a_network_in_training_mode_and_single_precision() -> None:
    assert check_model(network(), X).sizes == (6,)


def test_a_network_without_anything_to_remove() -> None:
    assert check_model(nn.Linear(3, 2), torch.ones(1, 3)).sizes == ()


class Summing(nn.Module):
    """Products without a matrix product where an axis has length one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.w, self.fc = nn.Linear(3, 4), nn.Parameter(torch.randn(4, 5)), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.einsum("nc,cd->nd", self.a(x), self.w))


def test_flops_may_be_a_bound() -> None:
    x = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    assert check_model(Summing(), x, exact_flops=False).sizes == (4, 5)
    with pytest.raises(AssertionError, match=r"with widths \(1, 1\) it takes \d+ FLOPs, not"):
        check_model(Summing(), x)


def test_flops_are_not_compared_where_numbers_decide_what_there_is_to_do() -> None:
    class Routed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.router = nn.Linear(3, 4), nn.Linear(4, 2)
            self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, size), nn.Linear(size, 4)) for size in (5, 9))
            self.fc = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.a(x)
            chosen, result = self.router(h).argmax(1), torch.zeros_like(h)
            for number, expert in enumerate(self.experts):
                rows = (chosen == number).nonzero().flatten()
                result = result.index_add(0, rows, expert(h[rows]))
            return self.fc(h + result)

    torch.default_generator.manual_seed(0)
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    assert check_model(Routed(), x).sizes == (4, 5, 9)


def test_a_learnt_query_given_to_a_module() -> None:
    """Torch's counter stumbles over views of parameters that ask for a gradient."""
    parts = {"query": nn.Parameter(torch.ones(1, 3)), "a": nn.Linear(3, 4), "fc": nn.Linear(4, 2)}
    model = Function(lambda s, x: s.fc(s.a(s.query.expand(len(x), -1)) * s.a(x)), **parts)
    assert check_model(model, torch.ones(2, 3, dtype=torch.float64)).sizes == (4,)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_networks_that_torch_does_not_copy(norm: Callable[[nn.Module], nn.Module]) -> None:
    """Their weights are results of a computation, which cannot be deep-copied with their history."""
    model = nn.Sequential(norm(nn.Linear(6, 8)), nn.ReLU(), nn.Linear(8, 2)).eval()
    model(torch.ones(1, 6))
    assert check_model(model, torch.ones(2, 6)).sizes == (8,)


def test_a_batch_that_the_network_does_not_take_is_not_asked_of_the_smaller_one() -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network().eval()

        def forward(self, x: Tensor) -> Tensor:
            if len(x) != 2:
                raise ValueError("two images, please")
            return self.inner(x)

    assert check_model(Single(), X).sizes == (6,)


class Caching(nn.Module):
    """Remembers what it saw."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.fc = what, nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.what == "attribute":
            self.seen = x
        elif self.what == "weight":
            self.fc.weight.data.mul_(1.5)
        else:
            x.mul_(1.5)
        return self.fc(x)


def test_a_forward_that_changes_weights_is_named() -> None:
    said = "Caching breaks the contract of a model: tracing changed the weights or buffers"
    with pytest.raises(AssertionError, match=said):
        check_model(Caching("weight"), torch.ones(1, 3))


@pytest.mark.parametrize(
    ("what", "said"), [("attribute", "the attributes of a module"), ("input", "the example inputs")]
)
def test_whatever_tracing_changes_is_named(what: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing undoes both; a trace that calls the network once more does not."""

    def careless(model: nn.Module, inputs: Any) -> Any:
        space = trace(model, inputs)
        model(*inputs)
        return space

    check_model(Caching(what), torch.ones(1, 3))
    monkeypatch.setattr(model_contract, "trace", careless)
    with pytest.raises(AssertionError, match=f"Caching breaks the contract of a model: tracing changed {said}"):
        check_model(Caching(what), torch.ones(1, 3))


def test_a_network_that_cannot_be_traced_says_why() -> None:
    with pytest.raises(
        AssertionError, match=r"Linear breaks the contract of a model: .*expected to run on the example"
    ):
        check_model(nn.Linear(3, 2), torch.ones(1, 4))


def refused(*_: Any, **__: Any) -> Any:
    raise TraceError("space: expected candidate (1,) to compute what the masked network does")


def test_a_space_that_does_not_hold_in_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = NET["residual"].build(), NET["residual"].inputs()
    empty = type("Proof", (), {"space": check_model(nn.Linear(3, 2), torch.ones(1, 3)), "dtype": torch.float64})
    monkeypatch.setattr(PruningSpace, "verify", lambda *_, **__: empty)
    with pytest.raises(AssertionError, match=r"in torch.float64 the groups stem, sum.branches.inner.a do not hold"):
        check_model(*proof)
    monkeypatch.setattr(PruningSpace, "verify", refused)
    with pytest.raises(AssertionError, match=r"expected candidate \(1,\) to compute"):
        check_model(*proof)


def renamed(small: nn.Module) -> None:
    small.add_module("extra", nn.Linear(1, 1))


def widened(small: nn.Module) -> None:
    small[0].bias = nn.Parameter(torch.zeros(1 + len(small[0].bias)))


def halved(small: nn.Module) -> None:
    small.half()


def thawed(small: nn.Module) -> None:
    small[5].bias.requires_grad_(True)


def switched(small: nn.Module) -> None:
    small[3].eval()


def busier(small: nn.Module) -> None:
    small[3].forward = lambda h: h + 0 * (h.flatten(1) @ torch.ones(h[0].numel(), 1))[:, :, None, None]


def forgetful(small: nn.Module) -> None:
    small[0].weight.data.mul_(torch.rand(()))


def sharing(small: nn.Module) -> None:
    small.__class__ = type("Shared", (nn.Sequential,), {"__deepcopy__": lambda self, _: self})


def numb(small: nn.Module) -> None:
    small[0].forward = lambda x, own=small[0].forward: own(x).detach()


def narrow(small: nn.Module) -> None:
    small[4].forward = lambda h: h.flatten(1)[:2]


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        (renamed, "its tensors have other names"),
        (widened, "it has .* parameters, not"),
        (halved, "its tensors are of other types"),
        (thawed, "other parameters learn"),
        (switched, "its modules are in other modes"),
        (busier, "it takes .* FLOPs, not"),
        (forgetful, "the candidate's JSON text cuts another network"),
        (sharing, "a deep copy shares memory with it"),
        (numb, r"no gradient reaches \['0.bias', '0.weight'"),
        (narrow, "twice the batch gives results of other shapes"),
    ],
)
def test_each_broken_promise_is_found_and_named(
    sabotage: Callable[[nn.Module], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: Any) -> nn.Module:
        small = materialise(*args)
        sabotage(small)
        return small

    model = network()
    monkeypatch.setattr(model_contract, "materialise", cut)
    with pytest.raises(AssertionError, match=rf"Sequential breaks the contract of a model: with widths \(6,\) {said}"):
        check_model(model, X)
