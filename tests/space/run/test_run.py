from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from function import Function
from torch import Tensor, nn

from cpruner.errors import TraceError
from cpruner.space import trace
from cpruner.space.run.run import evaluating, run, untouched

Context = Callable[[nn.Module], AbstractContextManager[None]]
BOTH = pytest.mark.parametrize("context", [untouched, evaluating])


@pytest.fixture
def model() -> nn.Module:
    """In training mode, but for the batch norm."""
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    network[1].eval()
    return network


@pytest.fixture
def fast_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    yield
    torch.backends.mha.set_fastpath_enabled(before)


def modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


def test_run_gives_the_output(model: nn.Module) -> None:
    assert run(model.eval(), (torch.zeros(2, 3),)).shape == (2, 4)


def test_a_failing_run_says_what_it_was_given_why_it_failed_and_what_to_do(model: nn.Module) -> None:
    with pytest.raises(TraceError, match=r"RuntimeError on \(\(2, 5\), int\).*Give inputs") as caught:
        run(Function(lambda s, x, n: s.inner(x), inner=model), (torch.zeros(2, 5, dtype=torch.float64), 3))
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(TraceError, match="TypeError"):
        run(model, (1, 2))


@BOTH
def test_eval_mode_inside_and_every_mode_as_before_outside(model: nn.Module, context: Context) -> None:
    before = modes(model)
    with context(model):
        assert not any(modes(model))
    assert modes(model) == before == [True, True, False, True]


@BOTH
def test_modes_are_restored_after_an_error(model: nn.Module, context: Context) -> None:
    before = modes(model)
    with pytest.raises(ZeroDivisionError), context(model):
        raise ZeroDivisionError
    assert modes(model) == before


@BOTH
def test_random_numbers_inside_do_not_move_the_generator(model: nn.Module, context: Context) -> None:
    before = torch.get_rng_state()
    with context(model):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ZeroDivisionError), context(model):
        raise ZeroDivisionError(torch.rand(3))
    assert torch.equal(torch.get_rng_state(), before)


@BOTH
@pytest.mark.parametrize("enabled", [True, False])
def test_the_fast_path_of_attention_is_off_inside_and_as_before_outside(
    model: nn.Module, context: Context, enabled: bool, fast_path: None
) -> None:
    torch.backends.mha.set_fastpath_enabled(enabled)
    with context(model):
        assert not torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mha.get_fastpath_enabled() is enabled
    with pytest.raises(ZeroDivisionError), context(model):
        raise ZeroDivisionError
    assert torch.backends.mha.get_fastpath_enabled() is enabled


@BOTH
@pytest.mark.parametrize("layer", [nn.LSTM(3, 4), nn.Linear(3, 4)], ids=lambda layer: type(layer).__name__)
def test_recurrent_layers_are_taken_apart_inside(layer: nn.Module, context: Context) -> None:
    before = torch._C._get_mkldnn_enabled(), torch.backends.cudnn.enabled
    with context(nn.Sequential(layer)):
        inside = torch._C._get_mkldnn_enabled(), torch.backends.cudnn.enabled
        assert inside == ((False, False) if isinstance(layer, nn.LSTM) else before)
    assert (torch._C._get_mkldnn_enabled(), torch.backends.cudnn.enabled) == before


def test_no_gradients_inside_untouched(model: nn.Module) -> None:
    with untouched(model):
        assert not model(torch.zeros(2, 3)).requires_grad
    assert torch.is_grad_enabled()
    with evaluating(model):
        assert model(torch.zeros(2, 3)).requires_grad


@BOTH
def test_never_in_inference_mode(model: nn.Module, context: Context) -> None:
    """Where a dispatch mode sees ``linear`` and ``conv2d`` whole."""
    traced = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 2, 1))
    with torch.inference_mode():
        with context(model):
            assert not torch.is_inference_mode_enabled()
        assert torch.is_inference_mode_enabled()
        space = trace(traced, torch.ones(1, 3, 2, 2))
    assert [group.size for group in space.groups] == [6]


class Counting(nn.Module):
    """Changes its buffers in every way: in place, by another tensor, to none."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("last", torch.zeros(3))
        self.register_buffer("nothing", None)
        self.register_buffer("cache", torch.zeros(2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        self.last = self.last + x.mean(0)
        self.nothing = torch.ones(4)
        self.cache = None
        return x


def test_buffers_are_the_same_tensors_with_the_same_numbers() -> None:
    model = Counting()
    before: dict[str, Any] = dict(model._buffers)
    with untouched(model):
        model(torch.ones(2, 3))
        assert model.steps == 1
    assert not model.steps.any()
    assert not model.last.any()
    for name in ("steps", "last", "cache"):
        assert model._buffers[name] is before[name]


def test_a_network_that_hooks_itself_up_does_so_when_its_user_runs_it() -> None:
    class Hooked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.ready = nn.Linear(3, 6), nn.Linear(6, 2), False

        def forward(self, x: Tensor) -> list[Tensor]:
            seen: list[Tensor] = []
            if not self.ready:
                self.a.register_forward_hook(lambda module, inputs, output: self.seen.append(output))
                self.ready = True
            self.seen = seen
            return [self.b(self.a(x)), *seen]

    model = Hooked()
    space = trace(model, torch.ones(2, 3))
    assert not model.ready
    assert not model.a._forward_hooks
    assert len(model(torch.ones(2, 3))) == 2
    assert [group.size for group in space.groups] == []  # it returns them


def test_what_a_network_keeps_for_later_is_what_it_was() -> None:
    """A cache of numbers that were made of weights, a list, a set."""

    def forward(self: Any, x: Tensor) -> Tensor:
        self.calls.append(len(x))
        self.kinds.add(x.dtype)
        if x.device not in self.cache:
            self.cache[x.device] = self.table[:, self.places]
        return self.b(self.a(x) * self.cache[x.device][0])

    parts = {"a": nn.Linear(3, 6), "b": nn.Linear(6, 2), "table": nn.Parameter(torch.ones(1, 6).double())}
    model = Function(forward, **parts, places=torch.arange(6))
    model.calls, model.kinds, model.cache = [7], set(), {}
    cache = model.cache
    trace(model, torch.ones(2, 3, dtype=torch.float64))
    assert model.cache is cache
    assert (model.calls, model.kinds, model.cache) == ([7], set(), {})


def test_a_buffer_that_was_empty_is_empty_again() -> None:
    model = Counting()
    with untouched(model):
        model(torch.ones(2, 3))
    assert model.nothing is None


def test_buffers_are_restored_after_an_error() -> None:
    model = nn.Sequential(Counting(), nn.Linear(5, 2))
    with pytest.raises(TraceError), untouched(model):
        run(model, (torch.ones(2, 3),))
    assert not model[0].steps.any()


def test_batch_norm_statistics_stay(model: nn.Module) -> None:
    model[1].train()
    before = model[1].running_mean.clone()
    with untouched(model):
        model.train()
        model(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(model[1].running_mean, before)
    assert model[1].num_batches_tracked == 0
    assert modes(model) == [True, True, True, True]


def test_an_embedding_with_a_largest_norm_keeps_its_rows() -> None:
    """Its forward scales long rows down, in eval mode too."""
    model = nn.Sequential(nn.Embedding(5, 4, max_norm=0.1))
    before = model[0].weight.clone()
    trace(model, torch.arange(5))
    assert torch.equal(model[0].weight, before)
    with untouched(model):
        model(torch.arange(5))
    assert torch.equal(model[0].weight, before)
