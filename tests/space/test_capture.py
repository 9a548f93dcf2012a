from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from function import Function
from stating import Packed, ShuffleBlock, around, between, images, seeded, tokens
from thorough import arbitrary, of_batch, thorough
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.errors import TraceError
from cpruner.space import trace
from cpruner.space.capture import Capture, Request
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def capture(model: nn.Module, *inputs: Any) -> Capture:
    return Capture(model.eval(), inputs, Request())


def test_without_stated_sizes_the_model_runs_once() -> None:
    runs: list[int] = []
    model = NET["residual"].build()
    model.register_forward_pre_hook(lambda _, args: runs.append(len(args[0])))
    taken = capture(model, *NET["residual"].inputs())
    assert [group.name for group in taken.space({})[0].groups] == ["stem", "sum.branches.inner.a"]
    assert (runs, taken.larger) == ([2], None)


def test_where_sizes_are_stated_a_second_run_has_twice_the_batch_once_and_for_all() -> None:
    runs: list[int] = []
    model = seeded(lambda: between(Packed()))
    model.register_forward_pre_hook(lambda _, args: runs.append(len(args[0])))
    taken = capture(model, tokens(batch=2))
    for _ in range(2):
        taken.space({})
    assert runs == [2, 4]
    assert taken.larger is not None
    assert [tuple(x.shape) for x in taken.larger] == [(4, 4, 5)]


def test_a_batch_of_one_is_read_off_runs_on_three_and_two() -> None:
    runs: list[int] = []
    model = seeded(lambda: between(Packed()))
    model.register_forward_pre_hook(lambda _, args: runs.append(len(args[0])))
    taken = capture(model, tokens(batch=1))
    space, _ = taken.space({})
    assert runs == [1, 3, 2]
    assert [group.size for group in space.groups] == [8, 2, 4, 4, 8]


@pytest.mark.parametrize("build", [lambda: between(Packed()), lambda: around(ShuffleBlock())])
def test_a_batch_of_one_finds_what_a_larger_one_finds(build: Any) -> None:
    """And counts the work of one example."""
    model = seeded(build)
    x = tokens() if isinstance(model[0], nn.Linear) else images()
    one, two = thorough(model, x[:1], batches=(2, 5)), thorough(model, x, batches=(1, 3))
    assert one.groups == two.groups
    assert one.sizes == two.sizes
    generator = torch.Generator().manual_seed(0)
    for ratio in torch.rand(4, generator=generator).tolist():
        half, whole = one.count(one.uniform(ratio)), two.count(two.uniform(ratio))
        assert (half.params, 2 * half.macs) == (whole.params, whole.macs)


class Refuses(nn.Module):
    """Takes one batch size only."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch, self.a, self.b = batch, nn.Linear(5, 6), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) != self.batch:
            raise ValueError("another batch size")
        left, right = self.a(x).view(self.batch, 4, 6).chunk(2, -1)
        return self.b(left * right)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_model_that_refuses_a_larger_batch_is_taken_at_its_own(batch: int) -> None:
    model = seeded(lambda: nn.Sequential(Refuses(batch), nn.Linear(4, 2)))
    taken = capture(model, tokens(batch=batch))
    assert [group.size for group in taken.space({})[0].groups] == [3, 4]
    assert taken.larger is None
    space = thorough(model, tokens(batch=batch), batches=())
    (program,) = space.plan.programs
    assert program.batch is None


def test_a_model_whose_work_changes_with_the_batch_is_taken_at_its_own() -> None:
    """One more layer runs on larger batches."""

    def forward(s: Any, x: Tensor) -> Tensor:
        left, right = s.a(x if len(x) == 1 else x @ s.more).chunk(2, -1)
        return s.b(left * right)

    model = seeded(lambda: Function(forward, a=nn.Linear(5, 6), b=nn.Linear(3, 2), more=torch.eye(5)))
    taken = capture(model, tokens(batch=1))
    space, _ = taken.space({})
    assert [group.size for group in space.groups] == [3]
    assert taken.larger is None


def test_only_tensors_with_axes_are_copied() -> None:
    model = seeded(
        lambda: Function(lambda s, x, n, t: s.b(s.a(x)[..., :3] * n * t), a=nn.Linear(5, 6), b=nn.Linear(3, 2))
    )
    taken = capture(model, tokens(), 2.0, torch.tensor(0.5, dtype=torch.float64))
    taken.space({})
    assert taken.larger is not None
    assert (taken.larger[0].shape[0], taken.larger[1], taken.larger[2].shape) == (4, 2.0, ())


def test_the_run_that_labels_must_succeed() -> None:
    with pytest.raises(TraceError, match=r"\(2, 4, 5\)"):
        capture(nn.Linear(3, 2).double(), tokens())


def test_outputs_are_frozen_with_all_that_follows() -> None:
    taken = capture(seeded(lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU())), tokens())
    space, _ = taken.space({})
    assert space.groups == ()
    assert {(entry.tensor, entry.axis): entry.reason for entry in space.frozen}["0.bias", 0] == "output of the network"


def test_touching_are_the_modules_that_handle_a_group() -> None:
    """Torch's own layers are trusted, the model itself always is suspected."""
    inner = Function(lambda s, x: s.b(x).relu() + 1, b=nn.Linear(6, 4))
    other = Function(lambda s, x: s.c(x) * 2, c=nn.Linear(4, 3))
    model = seeded(lambda: nn.Sequential(nn.Linear(5, 6), inner, nn.ReLU(), other))
    taken = capture(model, tokens())
    space, _ = taken.space({})
    assert [group.name for group in space.groups] == ["0", "1.b"]
    assert taken.touching(space, [0]) == set()
    assert taken.touching(space, [1]) == {"1"}
    assert taken.touching(space, []) == set()


def test_touching_sees_the_model_itself() -> None:
    model = seeded(lambda: Function(lambda s, x: s.b(s.a(x).relu()), a=nn.Linear(5, 6), b=nn.Linear(6, 2)))
    taken = capture(model, tokens())
    assert taken.touching(taken.space({})[0], [0]) == {""}


def test_a_model_with_its_own_random_numbers_is_not_repeatable() -> None:
    steady = capture(seeded(lambda: nn.Linear(5, 2)), tokens())
    steady.check_repeatable()
    state = torch.Generator().manual_seed(0)
    noisy = Function(lambda s, x: s.a(x) + torch.rand(2, generator=state, dtype=x.dtype), a=nn.Linear(5, 2))
    with pytest.raises(TraceError, match="expected the same output for the same input"):
        capture(noisy, tokens()).check_repeatable()


def test_a_program_runs_at_every_batch_size_whatever_was_traced() -> None:
    model = seeded(lambda: around(ShuffleBlock()))
    for batch in (1, 2, 3):
        space = trace(model, images(batch))
        small = materialise(model, arbitrary(space, np.random.default_rng(batch)))
        for other in (1, 2, 4):
            assert small(of_batch((images(),), other)[0]).shape == (other, 3)


def test_a_cache_that_one_run_fills_does_not_change_the_next() -> None:
    """With the cache of the first run the second would do something else, and no program could be written."""

    def forward(s: Any, x: Tensor) -> Tensor:
        if not s.cache:
            s.cache.append(s.scale[:, s.places])
        return s.b(s.a(x)[..., :3] * s.cache[0][0, 0])

    parts = {"a": nn.Linear(5, 6), "b": nn.Linear(3, 2), "scale": nn.Parameter(torch.ones(1, 2).double())}
    model = Function(forward, **parts, places=torch.tensor([1]))
    model.cache = []
    space = trace(model, tokens())
    assert [program.batch for program in space.plan.programs] == [(0, 0)]
    assert model.cache == []
    assert torch.isfinite(materialise(model, space.uniform(0.5))(tokens())).all()
