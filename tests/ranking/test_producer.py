import numpy as np
import pytest
import torch
from rankings import evidence, pair
from spaces import IMAGE, image_net
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from cpruner.ranking.producer import by_filters, filters
from cpruner.space import trace
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def of(name: str, group: int) -> tuple[nn.Module, Tensor]:
    model = NET[name].build()
    return model, filters(model, trace(model, NET[name].inputs()), group)


def test_filters_are_the_rows_of_the_first_layer() -> None:
    model = pair([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0, 9.0]])
    found = filters(model, trace(model, torch.ones(1, 2, dtype=torch.float64)), 0)
    assert found.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.dtype == torch.float64
    assert not found.requires_grad


def test_a_convolution_gives_all_its_taps() -> None:
    model, found = of("residual", 1)
    assert torch.equal(found, model.get_parameter("sum.branches.inner.a.weight").flatten(1))


def test_the_first_layer_counts_not_those_that_add_to_its_channels() -> None:
    model, found = of("residual", 0)
    assert torch.equal(found, model.get_parameter("stem.weight").flatten(1))


def test_what_is_met_before_the_channels_are_made_does_not_count() -> None:
    model = image_net(lambda s, h: h, early=nn.Parameter(torch.ones(8)))
    model.function = lambda s, x: s.fc(s.b((s.early * 2)[:, None, None] + s.a(x)).mean((2, 3)))
    space = trace(model, IMAGE)
    assert space.groups[0].members[0] == "early[0]"
    assert torch.equal(filters(model, space, 0), model.a.weight.flatten(1))


def test_a_transposed_convolution_makes_channels_along_its_second_axis() -> None:
    model, found = of("transposed", 1)
    assert torch.equal(found, model.get_parameter("up.weight").transpose(0, 1).flatten(1))


def test_a_head_has_the_rows_of_queries_keys_and_values() -> None:
    """Heads of four dimensions in packed rows: q0 q1 k0 k1 v0 v1."""
    model, heads = of("packed attention", 1)
    rows = model.get_parameter("block.inner.qkv.weight").view(3, 2, 4, 8)
    assert torch.equal(heads, rows.transpose(0, 1).flatten(1))
    _, queries = of("packed attention", 2)
    assert torch.equal(queries, rows[:2].permute(2, 0, 1, 3).flatten(1))


def test_pixels_of_one_channel_stand_in_one_row() -> None:
    model, found = of("pixel shuffle", 0)
    assert found.shape == (3, 4 * 27)
    assert torch.equal(found, model.get_parameter("stem.weight").view(3, -1))


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_a_computed_weight_counts_as_it_is_multiplied(norm) -> None:
    model = nn.Sequential(norm(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 2)).double().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
    known = evidence(model, torch.ones(2, 3, dtype=torch.float64))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen: list[Tensor] = []
    by_filters(known, lambda found: (seen.append(found), found.sum(1))[1])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(seen[0], model.eval()[0].weight)


def test_a_masked_weight_counts_without_what_is_masked() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    prune.custom_from_mask(model[0], "weight", torch.arange(12).view(4, 3) % 2)
    found = filters(model, trace(model, torch.ones(1, 3)), 0)
    assert torch.equal(found == 0, torch.arange(12).view(4, 3) % 2 == 0)


def test_a_name_that_looks_computed_is_taken_as_it_is() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map_v, self.fc = nn.Parameter(torch.eye(3)), nn.Linear(3, 2)
            self.register_buffer("map", torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.fc((x @ self.map_v).relu())
            return out

    model = Plain()
    assert torch.equal(filters(model, trace(model, torch.ones(1, 3)), 0), torch.eye(3).double())


def test_groups_are_ranked_by_what_is_made_of_their_filters() -> None:
    for net in NETS:
        model = net.build()
        known = evidence(model, net.inputs())
        ranking = by_filters(known, lambda found: found[:, 0])
        first = [filters(model, known.space, group)[:, 0].numpy() for group in range(len(known.space.groups))]
        assert ranking == tuple(tuple(np.argsort(-column, kind="stable").tolist()) for column in first), net.name


def test_nothing_to_prune_is_nothing_to_rank() -> None:
    assert by_filters(evidence(nn.Linear(3, 2), torch.ones(1, 3)), lambda found: found.sum(1)) == ()
