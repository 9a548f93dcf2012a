"""Torch-Pruning, an independent implementation, as oracle for what is coupled."""

import pytest
import torch
import torchvision
from torch import Tensor, nn

from cpruner.space import Cut, PruningSpace, trace

torch_pruning = pytest.importorskip("torch_pruning")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def ours(space: PruningSpace, unit: int) -> set[tuple[str, str, int]]:
    """Module, side and index of everything that goes with a unit."""

    def side(cut: Cut) -> str:
        return "in" if cut.tensor.endswith("weight") and cut.axis == 1 else "out"

    return {
        (cut.tensor.rpartition(".")[0], side(cut), index)
        for cut in space.plan.cuts
        for index, other in enumerate(cut.units)
        if other == unit
    }


def theirs(model: nn.Module, x: Tensor, layer: str, index: int) -> set[tuple[str, str, int]]:
    graph = torch_pruning.DependencyGraph().build_dependency(model, x)
    group = graph.get_pruning_group(model.get_submodule(layer), torch_pruning.prune_conv_out_channels, idxs=[index])
    paths = {module: path for path, module in model.named_modules()}
    return {
        (paths[dependency.target.module], "in" if "in_channels" in dependency.handler.__name__ else "out", i)
        for dependency, indices in group
        if dependency.target.module in paths
        for i in indices
    }


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "vgg11_bn"])
def test_the_same_tensors_are_coupled(name: str) -> None:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = torchvision.models.get_model(name, weights=None).eval()
    x = torch.zeros(1, 3, 64, 64)
    space = trace(model, x)
    units = {(cut.tensor, cut.axis): cut.units for cut in space.plan.cuts}
    convolutions = [g.name for g in space.groups if isinstance(model.get_submodule(g.name), nn.Conv2d)]
    for layer in convolutions:
        expected = theirs(model, x, layer, 3)
        assert ours(space, units[f"{layer}.weight", 0][3]) == expected
        assert (layer, "out", 3) in expected


def test_the_group_of_the_first_convolution_of_resnet18_by_name() -> None:
    model, x = torchvision.models.resnet18(weights=None).eval(), torch.zeros(1, 3, 64, 64)
    outputs = ("conv1", "bn1", "layer1.0.conv2", "layer1.0.bn2", "layer1.1.conv2", "layer1.1.bn2")
    inputs = ("layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1", "layer2.0.downsample.0")
    expected = {*((path, "out", 0) for path in outputs), *((path, "in", 0) for path in inputs)}
    assert theirs(model, x, "conv1", 0) == expected
    assert ours(trace(model, x), 0) == expected
