import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils import flop_counter

from cpruner.constraint.tally import count_flops
from cpruner.errors import CostError, InputError


class Call(nn.Module):
    """A network that is one function of its inputs."""

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([nn.Parameter(torch.ones(shape)) for shape in shapes])

    def forward(self, *inputs):
        return self.function(*inputs, *self.weights)


@pytest.mark.parametrize(
    ("network", "shape", "flops"),
    [
        (nn.Linear(3, 5), (2, 3), 2 * 2 * 3 * 5),
        (nn.Conv2d(3, 4, 3, padding=1), (1, 3, 8, 8), 2 * 8 * 8 * 4 * 3 * 9),
        (nn.Conv2d(4, 8, 3, groups=4), (1, 4, 6, 6), 2 * 4 * 4 * 8 * 1 * 9),
        (nn.Conv2d(6, 6, 3, stride=2, groups=6, padding=1), (2, 6, 8, 8), 2 * 2 * 4 * 4 * 6 * 9),
        (nn.Conv1d(2, 3, 5), (1, 2, 9), 2 * 5 * 3 * 2 * 5),
        (nn.ConvTranspose2d(3, 4, 3), (1, 3, 8, 8), 2 * 8 * 8 * 3 * 4 * 9),  # one product per *input* position
        (nn.BatchNorm2d(3), (1, 3, 8, 8), 0),
        (nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")), (1, 3, 8, 8), 0),
        (Call(lambda x: functional.scaled_dot_product_attention(x, x, x)), (2, 4, 8, 16), 2 * 2 * (2 * 4 * 8 * 8 * 16)),
        (Call(lambda x, w: torch.einsum("bi,ji->bj", x, w), (5, 3)), (2, 3), 2 * 2 * 5 * 3),
        (Call(torch.mv, (4,)), (3, 4), 2 * 3 * 4),
        (Call(torch.dot, (7,)), (7,), 2 * 7),
        (Call(lambda x, w: torch.zeros_like(w).addmm_(x, w), (3, 3)), (3, 3), 2 * 27),
        (Call(lambda x: x.baddbmm(x, x)), (2, 3, 3), 2 * 2 * 27),
        (Call(lambda x: x.clone().baddbmm_(x, x)), (2, 3, 3), 2 * 2 * 27),
        (Call(lambda x: torch.addbmm(x[0], x, x)), (2, 3, 3), 2 * 2 * 27),
        (Call(lambda x, w: torch.addmv(w, x, w), (3,)), (3, 3), 2 * 9),
    ],
    ids=lambda value: str(value).replace("\n", "")[:40],
)
def test_hand_computed_counts(network, shape, flops):
    assert count_flops(network, (torch.zeros(shape),)) == flops


def test_lstm_is_not_counted_as_nothing():
    """On the CPU it is one fused operator, for which torch has no formula."""
    steps, batch, inputs, hidden = 5, 2, 8, 6
    expected = 2 * steps * batch * 4 * hidden * (inputs + hidden)
    assert count_flops(nn.LSTM(inputs, hidden), (torch.zeros(steps, batch, inputs),)) == expected


def test_encoder_layer_is_not_counted_as_nothing():
    """Neither is its fused inference kernel."""
    batch, steps, width, hidden = 2, 5, 16, 32
    projections = 4 * width * width + 2 * width * hidden
    expected = 2 * batch * (steps * projections + 2 * steps * steps * width)
    layer = nn.TransformerEncoderLayer(width, 4, hidden, batch_first=True).eval()
    assert count_flops(layer, (torch.zeros(batch, steps, width),)) == expected


def test_shared_layer_counts_each_time_it_runs():
    layer = nn.Linear(3, 3)
    assert count_flops(nn.Sequential(layer, nn.ReLU(), layer), (torch.zeros(1, 3),)) == 2 * 2 * 9


@pytest.mark.parametrize("wrap", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_parametrised_layers_can_be_counted(wrap):
    assert count_flops(wrap(nn.Linear(4, 6)), (torch.zeros(1, 4),)) >= 2 * 24


class Branch(nn.Module):
    """Control flow that depends on values, so that shapes alone are not enough."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) if x.sum().item() > 0 else x


def test_network_that_needs_values_is_run_as_it_is():
    network = Branch(nn.Linear(3, 3)).train()
    assert count_flops(network, (torch.ones(1, 3),)) == 18
    assert count_flops(network, (torch.zeros(1, 3),)) == 0
    assert network.training


def test_fused_operator_without_formula_is_refused_and_named():
    with pytest.raises(
        CostError, match=r"no formula for aten\.mkldnn_rnn_layer \(1x\)\. Teach .*register_flop_formula"
    ):
        count_flops(Branch(nn.LSTM(3, 2)), (torch.ones(2, 1, 3),))


@pytest.mark.parametrize("function", [torch.fft.fft, lambda x: torch.cdist(x, x)])
def test_products_outside_the_table_are_refused(function):
    with pytest.raises(CostError, match="FLOPs would be too low"):
        count_flops(Call(function), (torch.zeros(4, 3),))


def test_custom_operator_is_refused_until_it_has_a_formula(monkeypatch):
    @torch.library.custom_op("cpruner_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    twice.register_fake(torch.empty_like)
    operator = torch.ops.cpruner_tests.twice
    with pytest.raises(CostError, match=r"cpruner_tests\.twice \(1x\)"):
        count_flops(Call(operator), (torch.zeros(4),))
    monkeypatch.setitem(flop_counter.flop_registry, operator, lambda x, **_: x.numel())
    assert count_flops(Call(operator), (torch.zeros(4),)) == 4


def test_network_that_cannot_run_says_why():
    with pytest.raises(CostError, match=r"cannot be run on its example inputs: .*shapes"):
        count_flops(nn.Linear(3, 5), (torch.zeros(1, 4),))


@pytest.mark.parametrize("values", [False, True])
def test_a_view_of_a_parameter_may_be_given_to_a_module(values):
    class Queries(nn.Module):
        def __init__(self):
            super().__init__()
            self.queries, self.head = nn.Parameter(torch.ones(1, 3)), nn.Linear(3, 5)
            self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)

        def forward(self, x):
            if values:
                assert x.sum().item() == 0
            return self.head(self.queries.expand(len(x), -1))

    network = Queries()
    assert count_flops(network, (torch.zeros(4, 3),)) == 2 * 4 * 3 * 5
    assert [p.requires_grad for p in network.parameters()] == [True, False, True, True]


def test_nothing_is_allocated_or_changed():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    count_flops(network, (torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),))
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.filterwarnings("ignore:Lazy modules")  # torch < 2.9
def test_lazy_network_is_refused_before_it_can_take_shape():
    network = nn.LazyLinear(3)
    with pytest.raises(InputError, match="weight"):
        count_flops(network, (torch.zeros(1, 2),))
    assert isinstance(network.weight, nn.UninitializedParameter)
