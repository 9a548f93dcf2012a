import copy
from typing import Any

import pytest
import torch
from few import few
from refitting import NET, X, gathered, images, outputs
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.errors import ArtefactError, InputError
from cpruner.repair import Repair, Repairer, recalibrate
from cpruner.repair.refit.sequential import sequential
from cpruner.repair.refit.static import StaticRefit
from cpruner.space import trace
from cpruner.testing.picture import picture, same

MODES = ("none", "recalibrate", "static", "sequential")
NAMES = [name for name, net in NET.items() if len(net.shapes) == 1]
MODEL = NET["residual"].build()
SPACE = trace(MODEL, X[:1])
CANDIDATE = SPACE.uniform(0.5)
STATISTICS = gathered(MODEL)


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def repairer(mode: str = "sequential") -> Repairer:
    return Repairer(MODEL, SPACE, STATISTICS, Repair(mode=mode))


def expected(mode: str) -> nn.Module:
    small = materialise(MODEL, CANDIDATE)
    static = StaticRefit(MODEL, list(STATISTICS.layers.values()), SPACE.plan, SPACE.ranking, Repair())
    if mode == "static":
        static(small, CANDIDATE)
    elif mode == "sequential":
        sequential(small, CANDIDATE, STATISTICS, static, Repair())
    elif mode == "recalibrate":
        recalibrate(small, X)
    return small


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_chooses_what_is_done(mode: str) -> None:
    """Of the options, or of the call."""
    right = state(expected(mode))
    assert same(state(repairer(mode)(CANDIDATE)), right)
    assert same(state(repairer()(CANDIDATE, mode)), right)
    assert [same(state(expected(other)), right) for other in MODES].count(True) == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_dense_network_is_untouched_and_the_result_in_eval_mode(mode: str) -> None:
    model = copy.deepcopy(MODEL).train()
    before = picture(model, (X,))
    small = Repairer(model, SPACE, STATISTICS, Repair())(CANDIDATE, mode)
    assert not any(module.training for module in small.modules())
    assert same(before, picture(model, (X,)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", few(NAMES))
def test_counts_are_those_of_the_plan_for_every_network(name: str, mode: str) -> None:
    model, x = NET[name].build(), images(name, 12)
    space = trace(model, x[:1])
    candidate = space.uniform(0.5)
    small = Repairer(model, space, gathered(model, x, positions=4), Repair())(candidate, mode)
    cut = materialise(model, candidate)
    assert [(n, p.shape) for n, p in small.named_parameters()] == [(n, p.shape) for n, p in cut.named_parameters()]
    assert sum(parameter.numel() for parameter in small.parameters()) == space.count(candidate).params
    assert torch.isfinite(outputs(small, x)).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_in_any_gradient_mode_a_network_that_learns(around: Any, mode: str) -> None:
    with around():
        repair = Repairer(MODEL, SPACE, STATISTICS, Repair())
        small = repair(CANDIDATE, mode)
    assert same(state(small), state(repairer()(CANDIDATE, mode)))
    small(X).sum().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


@pytest.mark.parametrize("mode", MODES)
def test_candidates_do_not_depend_on_those_before(mode: str) -> None:
    """What is made once serves every candidate; the same one again is the same network."""
    repair = repairer(mode)
    one, _, two = repair(CANDIDATE), repair(SPACE.smallest()), repair(CANDIDATE)
    assert same(state(one), state(two))
    assert one.stem.weight is not two.stem.weight


def test_single_precision_is_close_to_double() -> None:
    model, x = copy.deepcopy(MODEL).float(), X.float()
    space = trace(model, x[:1])
    assert space.uniform(0.5) == CANDIDATE
    for mode in MODES:
        small = Repairer(model, space, gathered(model, x), Repair())(CANDIDATE, mode)
        right = outputs(repairer()(CANDIDATE, mode))
        assert small.head.weight.dtype == torch.float32
        assert (outputs(small, x) - right).abs().max() < 1e-3 * right.abs().max(), mode


@pytest.mark.parametrize("mode", ["static", "none", "recalibrate"])
def test_a_sequential_refit_needs_statistics_of_its_own(mode: str) -> None:
    repair = Repairer(MODEL, SPACE, gathered(MODEL, mode=mode), Repair(mode=mode))
    repair(CANDIDATE)
    with pytest.raises(InputError, match=rf"^statistics: .* got some for mode {mode}\. Gather"):
        repair(CANDIDATE, "sequential")


def test_a_candidate_of_another_network_is_refused() -> None:
    other = NET["flatten"].build()
    with pytest.raises(ArtefactError):
        repairer()(trace(other, X[:1]).uniform(0.5))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="mode"):
        repairer()(CANDIDATE, "magic")
