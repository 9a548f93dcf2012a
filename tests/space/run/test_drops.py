"""What programs do in training mode."""

from pathlib import Path
from typing import Any

import pytest
import torch
from dropping import KINDS, Around, Block, Depth, Fused, Inner, InPlace, Plain, Torch, Weights
from spaces import IMAGE, TOKENS, checked, programs, sizes
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import load, materialise, save_artefact
from cpruner.space import PruningSpace, trace
from cpruner.space.run.drops import Drops
from cpruner.space.run.frames import follow
from cpruner.space.run.record import Entry, Frame, Recorder, Training


def made(kind: Any, p: float = 0.5) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network: nn.Module = kind(p).double().eval()
    return network


def drawn(network: nn.Module, seed: int) -> Tensor:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        out: Tensor = network(TOKENS)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_programs_drop_in_training_mode_only(kind: Any) -> None:
    space = checked(model := made(kind), TOKENS)
    assert programs(space)
    for candidate in (space.dense(), space.uniform(0.5)):
        small = materialise(model, candidate)
        assert torch.equal(drawn(small, 0), drawn(small, 1))
        small.train()
        assert not torch.equal(drawn(small, 0), drawn(small, 1))
        small.eval()
        assert torch.equal(drawn(small, 0), drawn(small, 1))


@pytest.mark.parametrize("kind", [Block, Torch, Inner, InPlace, Fused, Weights, Plain])
def test_with_little_removed_about_as_much_is_dropped_as_in_the_dense_network(kind: Any) -> None:
    model = made(kind, 0.3)
    space = trace(model, TOKENS)
    small = materialise(model, space.uniform(0.9))
    for network in (model, small):
        network.train()
    rounds = [[drawn(network, seed) for seed in range(100)] for network in (model, small)]
    dense, own = [torch.stack(results).std(0).mean().item() for results in rounds]
    assert own == pytest.approx(dense, rel=0.3)


def test_about_half_is_dropped_and_the_rest_doubled() -> None:
    model = made(Block)
    model.out = nn.Identity()

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.head = model, nn.Linear(8, 2, dtype=torch.float64)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.block(x))  # type: ignore[no-any-return]

    whole = Head().eval()
    space = trace(whole, TOKENS)
    small = materialise(whole, space.uniform(0.5)).block
    plain, dropped = drawn(small, 0), drawn(small.train(), 0)
    assert plain.shape[-1] == 4
    assert 0.2 < (dropped == 0).double().mean() < 0.8
    assert torch.allclose(dropped[dropped != 0], 2 * plain[dropped != 0])


@pytest.mark.parametrize("dropout", [functional.dropout1d, functional.dropout2d, functional.feature_alpha_dropout])
def test_channels_that_are_dropped_whole(dropout: Any) -> None:
    class Feature(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            h = self.a(x).flatten(2) if dropout is functional.dropout1d else self.a(x)
            h = dropout(h, 0.5, self.training).view(h.shape[0], 2, 4, -1).transpose(1, 2).reshape(h.shape)
            return self.b(h.view(h.shape[0], -1, 6, 6))  # type: ignore[no-any-return]

    space = checked(model := Feature().double().eval(), IMAGE)
    small = materialise(model, space.uniform(0.5)).train()
    assert sizes(space) == {"a": 8}
    assert not torch.equal(small(IMAGE), small(IMAGE))


@pytest.mark.parametrize("kind", [Block, Weights, Fused])
def test_artefacts_keep_dropout(kind: Any, tmp_path: Path) -> None:
    space = trace(model := made(kind), TOKENS)
    small = materialise(model, space.uniform(0.5))
    save_artefact(tmp_path, small, space.uniform(0.5))
    back = load(tmp_path, lambda: made(kind))
    assert torch.equal(drawn(back, 0), drawn(small, 0))
    assert torch.equal(drawn(back.train(), 1), drawn(small.train(), 1))
    assert not torch.equal(drawn(back, 1), drawn(back, 2))


@pytest.mark.parametrize("kind", [Block, Weights, Fused])
def test_a_network_that_was_pruned_can_be_pruned_again(kind: Any) -> None:
    space = trace(model := made(kind), TOKENS)
    small = materialise(model, space.uniform(0.6))
    again = trace(small, TOKENS)
    smaller = materialise(small, again.uniform(0.6)).train()
    assert not torch.equal(drawn(smaller, 0), drawn(smaller, 1))


def test_the_mode_that_counts_is_that_of_the_module_whose_code_it_was() -> None:
    space = checked(model := nn.Sequential(Around(), nn.ReLU()).double().eval(), TOKENS)
    assert programs(space) == {"0"}
    small = materialise(model, space.uniform(0.5)).train()
    assert not torch.equal(drawn(small, 0), drawn(small, 1))
    small[0].inner.eval()
    assert torch.equal(drawn(small, 0), drawn(small, 1))


def test_no_dropout_says_nothing() -> None:
    space = trace(model := made(Weights, 0.0), TOKENS)
    small = materialise(model, space.uniform(0.5)).train()
    assert torch.equal(drawn(small, 0), drawn(small, 1))


def reasons(space: PruningSpace) -> str:
    return " ".join(entry.reason for entry in space.rewritten)


def test_what_else_code_does_in_training_mode_is_told() -> None:
    assert "training mode" in reasons(trace(made(Depth), TOKENS))
    assert all("training mode" not in reasons(trace(made(kind), TOKENS)) for kind in KINDS)


def test_a_mode_that_is_passed_to_a_function_is_told_only_if_nothing_is_dropped_there() -> None:
    def helper(h: Tensor, training: bool, *, drops: bool) -> Tensor:
        return functional.dropout(h, 0.1, training) if drops else h

    class Helped(Block):
        def step(self, h: Tensor) -> Tensor:
            return helper(h, self.training, drops=True)

    class Helpless(Block):
        def step(self, h: Tensor) -> Tensor:
            return helper(h, self.training, drops=False)

    assert "training mode" not in reasons(trace(made(Helped), TOKENS))
    assert "training mode" in reasons(trace(made(Helpless), TOKENS))


def recorded(network: nn.Module) -> list[Entry | Frame]:
    recorder = Recorder(network)
    with torch.no_grad(), follow(recorder, network):
        network(TOKENS)
    return recorder.root.entries


def test_a_mode_of_functions_sees_them_without_running_them() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.dropout(x, 0.3, self.training, inplace=True)

    network = Twice()
    (entry,) = recorded(network.eval())
    assert isinstance(entry, Entry)
    assert (entry.op, entry.args[1:]) == ("F.dropout", (0.3, Training(""), True))
    assert entry.out is entry.args[0]
    assert recorded(network.train()) == []


def test_the_mode_leaves_everything_else_alone() -> None:
    recorder = Recorder(nn.Identity())
    with Drops(recorder, nn.Identity()):
        result = functional.relu(functional.dropout(TOKENS, 0.0, training=False))
    assert torch.equal(result, TOKENS.relu())
    assert recorder.root.entries == []
    assert recorder.root.drops == 1
