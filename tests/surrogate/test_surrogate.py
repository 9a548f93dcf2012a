import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from surrogates import TOKENS, chain, chained, falling, made
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import materialise
from cpruner.ranking import Descent, descents
from cpruner.repair import Repair, Repairer, Statistics, gather
from cpruner.space import PruningSpace, trace
from cpruner.surrogate import Calibration, Surrogate, curvature, surrogate
from cpruner.surrogate.curvature import measures
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}
SPACE = chained(5, 2, 3, 2)
CURVES = ([9.0, 4.0, 0.0], [9.0, 5.0, 1.0, 0.0])
WIDTHS = np.array([[2, 3], [1, 3], [1, 1]])


def gathered(model: nn.Module, inputs: Tensor) -> Statistics:
    return gather(model, [(inputs, None)], Repair(images=len(inputs), positions=100))


def of(model: nn.Module, inputs: Tensor, damping: float = 1e-10, images: int = 1000) -> Surrogate:
    return surrogate(
        model, trace(model, inputs[:1]), gathered(model, inputs), damping, Calibration(images=images, temperature=1.0)
    )


class TestPredictions:
    def test_by_hand(self) -> None:
        one = made(SPACE, CURVES, factor_G=np.array([1.0, 2.0]), base=-1.0, gain=3.0, offset=0.5, power=0.5)
        assert one.errors(WIDTHS).tolist() == [[0, 0], [4, 0], [4, 5]]
        expected = [0.5, 0.5 + 2, 0.5 + 2 + 2 * 5**0.5]
        assert one.predict(WIDTHS) == pytest.approx([-1 + 3 * math.log(total) for total in expected])
        assert one.table_GW == pytest.approx(np.array([[3, 2, 0, 0], [2 * 3, 2 * 5**0.5, 2, 0]]))

    def test_before_calibration_it_is_the_logarithm_of_one_and_all_errors(self) -> None:
        assert made(SPACE, CURVES).predict(WIDTHS) == pytest.approx([0, math.log(5), math.log(10)])

    def test_thousands_at_once_are_what_they_are_alone(self) -> None:
        one = falling(SPACE, 0)
        many_NG = np.random.default_rng(0).integers(1, [3, 4], (5000, 2))
        assert one.predict(many_NG[17:18]) == one.predict(many_NG)[17]
        assert one.predict(many_NG).shape == (5000,)

    def test_counts_are_those_of_the_smaller_network(self) -> None:
        counts = falling(SPACE, 0).count(WIDTHS)
        for number, widths in enumerate(WIDTHS.tolist()):
            expected = SPACE.count(SPACE.best(widths))
            assert {name: float(values[number]) for name, values in counts.items()} == vars(expected)
            small = materialise(chain(5, 2, 3, 2), SPACE.best(widths))
            assert counts["params"][number] == sum(parameter.numel() for parameter in small.parameters())
        assert counts["flops"].tolist() == [2 * (5 * a + a * b + 2 * b) for a, b in WIDTHS.tolist()]


def exact_rise(model: nn.Module, space: PruningSpace, statistics: Statistics, width: int, g_OO: Tensor) -> float:
    """Mean of dy' G dy / 2 over the images, dy the change of the logits after a static refit."""
    repairer = Repairer(model, space, statistics, Repair(mode="static", damping=1e-10))
    with torch.no_grad():
        changed = repairer(space.best([width]))(statistics.images) - model(statistics.images)
    return float((changed @ g_OO * changed).sum(1).mean() / 2)


def test_the_error_is_the_second_order_rise_of_the_loss_after_a_refit() -> None:
    model = chain(5, 4, 3)
    one = of(model, TOKENS)
    statistics = gathered(model, TOKENS)
    g_OO = curvature(model, statistics, images=1000, batch=125, seed=0)["2.weight"]
    expected = [exact_rise(model, one.space, statistics, width, g_OO) for width in (1, 2, 3, 4)]
    assert one.error_GW[0].tolist() == pytest.approx([expected[0], *expected], rel=1e-3, abs=1e-9)


def test_the_error_is_what_the_loss_really_rises_by_where_little_changes() -> None:
    """Labels from the network: the expected rise is the divergence of the outputs of the smaller network."""
    inputs = torch.randn(4000, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    model = chain(5, 6, 3)
    with torch.no_grad():
        model[2].weight.mul_(0.5)
    one = of(model, inputs, images=4000)
    repairer = Repairer(model, one.space, gathered(model, inputs), Repair(mode="static", damping=1e-10))
    for width in (2, 3, 4):
        small = repairer(one.space.best([width]))
        with torch.no_grad():
            dense, now = model(inputs).log_softmax(1), small(inputs).log_softmax(1)
        rise = functional.kl_div(now, dense, log_target=True, reduction="batchmean")
        assert one.error_GW[0, width] == pytest.approx(float(rise), rel=0.1)


@pytest.mark.parametrize("name", ["residual", "dense block", "grouped", "squeeze and excitation", "shared module"])
def test_errors_fall_with_the_width_down_to_zero(name: str) -> None:
    model = NET[name].build()
    inputs = torch.randn(20, *NET[name].shapes[0][1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one = of(model, inputs, 1e-4)
    assert one.error_GW.shape == (len(one.space.groups), max(one.space.sizes) + 1)
    assert (np.diff(one.error_GW, axis=1) <= 0).all()
    for group, size in enumerate(one.space.sizes):
        assert not one.error_GW[group, size:].any()
        assert one.error_GW[group, 0] >= one.error_GW[group, 1] > 0


def test_a_rise_below_zero_is_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Descent((0, 1, 2, 3), np.array([2.0, 2.0, 0.9, 1.0, -1e-9]))
    monkeypatch.setattr(sys.modules[Surrogate.__module__], "descents", lambda *_: (path,))
    assert of(chain(5, 4, 3), TOKENS).error_GW.tolist() == [[2.0, 2.0, 1.0, 1.0, 0.0]]


def test_it_starts_uncalibrated_and_ranked_by_elimination() -> None:
    model = chain(5, 6, 4, 3)
    statistics = gathered(model, TOKENS)
    space = trace(model, TOKENS[:1])
    one = surrogate(model, space, statistics, 1e-6)
    assert one.predict(np.array([[6, 4]])).tolist() == [0.0]
    assert one.factor_G.tolist() == [1, 1]
    assert (one.base, one.gain, one.offset, one.power) == (0, 1, 1, 1)
    paths = descents(space, statistics, 1e-6)
    assert one.space.ranking == tuple(path.order for path in paths if path is not None) != space.ranking


def test_its_options_and_the_callers_grad_mode() -> None:
    model = chain(5, 6, 3)
    statistics, space = gathered(model, TOKENS), trace(model, TOKENS[:1])
    expected = surrogate(model, space, statistics, 1e-6, Calibration(images=30, batch=7, seed=3, temperature=2.0))
    weighted = measures(statistics, curvature(model, statistics, images=30, batch=7, seed=3, temperature=2.0))
    (path,) = descents(space, statistics, 1e-6, weighted)
    assert path is not None
    assert expected.error_GW[0].tolist() == pytest.approx(path.error_W.tolist())
    with torch.inference_mode():
        again = surrogate(model, space, statistics, 1e-6, Calibration(images=30, batch=7, seed=3, temperature=2.0))
    assert np.array_equal(again.error_GW, expected.error_GW)
    assert not np.array_equal(surrogate(model, space, statistics, 1e-6).error_GW, expected.error_GW)


class TestGroupsThatNoRefittableLayerReads:
    def test_they_get_the_average_of_the_others(self) -> None:
        model = chain(5, 4, 8, 4, 3)
        whole = gathered(model, TOKENS)
        statistics = replace(whole, layers={name: layer for name, layer in whole.layers.items() if name != "4.weight"})
        space = trace(model, TOKENS[:1])
        error_GW = surrogate(model, space, statistics, 1e-6).error_GW
        average = (error_GW[0, :5] + error_GW[2, :5]) / 2
        assert error_GW[1, ::2].tolist() == pytest.approx(average.tolist())
        assert error_GW[1, 3] == pytest.approx((average[1] + average[2]) / 2)

    def test_with_no_others_they_fall_evenly(self) -> None:
        model = chain(5, 4, 3)
        statistics = replace(gathered(model, TOKENS), layers={})
        space = trace(model, TOKENS[:1])
        one = surrogate(model, space, statistics, 1e-6)
        assert one.error_GW.tolist() == [[1.0, 0.75, 0.5, 0.25, 0.0]]
        assert one.space.ranking == space.ranking
