import torch
from refitting import NET, X, chosen, layer_of
from torch import nn

from cpruner.candidate import Candidate, Cut, Labels, Plan
from cpruner.repair.refit.kept import kept
from cpruner.space import trace


def test_inputs_and_outputs_of_a_convolution() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, (1, 2)), nn.Conv2d(5, 2, 1)).double()
    stay = kept(chosen(trace(model, X[:1]), ((0, 3), (1, 2, 4))), layer_of(model, "1.weight"))
    assert stay.groups.tolist() == [0]
    assert stay.channels.tolist() == [0, 3]
    assert stay.rows.tolist() == [0, 1, 6, 7]
    assert stay.outputs_GO.tolist() == [[1, 2, 4]]


def test_what_is_whole_is_said_to_be() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1), nn.Conv2d(5, 2, 1)).double()
    stay = kept(chosen(trace(model, X[:1]), ((0, 1, 2, 3), (1,))), layer_of(model, "1.weight"))
    assert stay.channels is None
    assert stay.rows.tolist() == [0, 1, 2, 3]
    assert stay.outputs_GO.tolist() == [[1]]


def test_groups_and_channels_inside_them() -> None:
    """Two groups of four inputs and four outputs; then the four groups of two lose one whole group."""
    model = NET["grouped"].build()
    space = trace(model, X[:1])
    candidate = space.best([2, 2, 3, 1, 3, 2])
    for name in ("wide.weight", "thin.weight"):
        layer = layer_of(model, name)
        stay = kept(candidate, layer)
        (out,) = (candidate.indices(cut.labels) for cut in space.plan.cuts_of[name] if cut.axis == 0)
        (entering,) = (candidate.indices(cut.labels) for cut in space.plan.cuts_of[name] if cut.axis == 1)
        size = 8 // layer.product.groups
        assert [g * size + o for g, row in zip(stay.groups, stay.outputs_GO, strict=True) for o in row] == list(out)
        assert stay.product.groups == len(stay.groups)
        assert stay.channels is None or stay.channels.tolist() == list(entering)


def test_groups_may_keep_other_outputs() -> None:
    """No trace makes such a plan; a plan by hand may."""
    layer = layer_of(nn.Conv2d(4, 4, 1, groups=2).double(), "weight", torch.randn(3, 4, 2, 2, dtype=torch.float64))
    plan = Plan(("g",), (4,), (Labels(((0, 1, 2, 3),)),), (Cut("weight", 0, 0),))
    stay = kept(Candidate(((0, 3),), plan), layer)
    assert stay.outputs_GO.tolist() == [[0], [1]]
    values = torch.arange(12).view(2, 3, 2)
    assert stay.of(values).tolist() == [[[0], [2], [4]], [[7], [9], [11]]]
    assert stay.moments(layer.dense).mean_GO.tolist() == [[layer.dense.mean_GO[0, 0]], [layer.dense.mean_GO[1, 1]]]


def test_a_depthwise_convolution_loses_groups_and_no_inputs() -> None:
    model = NET["depthwise"].build()
    stay = kept(chosen(trace(model, X[:1]), ((1, 4), (0, 1, 2, 3), (1,))), layer_of(model, "deep.weight"))
    assert stay.groups.tolist() == [1, 4]
    assert stay.channels is None
    assert stay.outputs_GO.tolist() == [[0], [0]]
    assert stay.product.groups == 2


def test_a_matrix_that_is_not_turned() -> None:
    model = NET["parameters"].build()
    stay = kept(chosen(trace(model, X[:1]), ((0, 5),)), layer_of(model, "matrix"))
    assert stay.channels.tolist() == stay.rows.tolist() == [0, 5]
    assert stay.outputs_GO.tolist() == [[0, 1]]
