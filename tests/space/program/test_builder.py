from typing import Any

import pytest
import torch
from function import Function
from stating import Packed, ShuffleBlock, around, between, images, seeded, tokens
from thorough import thorough
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import Node, Program, materialise
from cpruner.errors import InputError
from cpruner.space import PruningSpace, trace


def half(h: Tensor) -> Tensor:
    """States a size: the first three of six channels."""
    return h[..., :3]


def net(forward: Any, **parts: Any) -> nn.Module:
    """A module with layers a (5 -> 6) and b (3 -> 4), and a head after it."""
    parts = {"a": nn.Linear(5, 6), "b": nn.Linear(3, 4), **parts}
    return seeded(lambda: nn.Sequential(Function(forward, **parts), nn.Linear(4, 3)))


def program_of(space: PruningSpace) -> Program:
    (program,) = space.plan.programs
    return program


def why(space: PruningSpace, tensor: str = "0.a.weight") -> str:
    return next(entry.reason for entry in space.frozen if entry.tensor == tensor and entry.axis == 0)


def test_the_program_of_a_small_module_node_by_node() -> None:
    space = thorough(net(lambda s, x: s.b(half(s.a(x)).relu())), tokens())
    program = program_of(space)
    assert (program.module, program.args, program.kwargs) == ("0", (("v", 0),), ())
    assert program.nodes == (
        Node("module:a", (("v", 0),), (), 1),
        Node("pick", (("v", 1), 2, ("pick", 0)), (), 2),
        Node("aten.relu.default", (("v", 2),), (), 4),
        Node("module:b", (("v", 4),), (), 5),
    )
    assert program.out == ("v", 5)
    assert [pick.positions for pick in program.picks] == [(0, 1, 2)]


def test_the_batch_is_the_axis_that_a_second_run_had_longer() -> None:
    assert program_of(trace(net(lambda s, x: s.b(half(s.a(x)))), tokens())).batch == (0, 0)
    second = Function(lambda s, one, x: s.b(half(s.a(x)) + one), a=nn.Linear(5, 6), b=nn.Linear(3, 4))
    model = seeded(lambda: Function(lambda s, x: s.inner(s.one, x.transpose(0, 1)), inner=second, one=torch.ones(3)))
    assert program_of(trace(model, tokens())).batch == (1, 1)


def test_a_packed_attention_runs_at_any_batch_size() -> None:
    """The batch is multiplied with the heads on the way; recorded with 2 images of 2 heads, 4 is (2 heads) * 2 // 2."""
    space = thorough(seeded(lambda: between(Packed())), tokens(), batches=(1, 2, 5))
    stated = [
        size for node in program_of(space).nodes if node.op == "aten.reshape.default" for size in node.args[1][1:]
    ]
    merged = [size for size in stated if isinstance(size, tuple) and size[0] == "scaled" and isinstance(size[1], tuple)]
    assert merged
    for _, (tag, place), recorded in merged:
        assert (tag, recorded) == ("n", 2)
        assert space.plan.labels[place].units_FN.max(0).tolist() == [8, 9, 8, 9]


def test_a_channel_shuffle_between_convolutions_of_one_module() -> None:
    space = thorough(seeded(lambda: around(ShuffleBlock())), images())
    assert [(group.name, group.size) for group in space.groups] == [("0", 8), ("1.a", 8), ("1.b", 8)]
    assert [pick.positions for pick in program_of(space).picks] == [(0, 4, 1, 5, 2, 6, 3, 7)]


class Keyed(nn.Module):
    """Takes its arguments by name."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(3, 4)

    def forward(self, x: Tensor, *, cut: int, bias: Tensor, mode: str = "plain") -> Tensor:
        return self.b(self.a(x)[..., :cut] + bias[..., :cut])


def test_keyword_arguments_are_kept_and_checked() -> None:
    model = seeded(lambda: Function(lambda s, x: s.c(s.inner(x, cut=3, bias=s.d(x))),
                                    inner=Keyed(), d=nn.Linear(5, 6), c=nn.Linear(4, 2)))  # fmt: skip
    space = thorough(model, tokens())
    assert program_of(space).kwargs == (("cut", 3), ("bias", ("v", 1)))
    small = materialise(model, space.smallest())
    with pytest.raises(InputError, match=r"'cut'.*expected 3, got 2"):
        small.inner(tokens(), cut=2, bias=small.d(tokens()))


def test_positional_arguments_of_any_form() -> None:
    def forward(s: Any, pair: list[Tensor], options: dict[str, Any], scale: float, nothing: None) -> Tensor:
        return s.b(half(s.a(pair[0]) * scale) + half(options["y"]))

    inner = Function(forward, a=nn.Linear(5, 6), b=nn.Linear(3, 4))
    model = seeded(
        lambda: Function(lambda s, x: s.inner([x, x], {"y": s.d(x), "n": 1}, 0.5, None), inner=inner, d=nn.Linear(5, 6))
    )
    space = thorough(model, tokens())
    program = program_of(space)
    assert program.args == (
        ("list", ("v", 0), ("v", 0)),
        ("dict", ("y", ("v", 1)), ("n", 1)),
        0.5,
        None,
    )


def test_a_type_that_is_given_is_that_of_the_tensor_beside_it() -> None:
    inner = Function(lambda s, x, dtype: s.b(half(s.a(x.to(dtype)))), a=nn.Linear(5, 6), b=nn.Linear(3, 4))
    model = seeded(lambda: Function(lambda s, x: s.inner(x, x.dtype), inner=inner))
    space = thorough(model, tokens())
    assert program_of(space).args == (("v", 0), ("dtype_of", 0))
    small = materialise(model, space.uniform(0.5)).float()
    assert small(tokens().float()).dtype == torch.float32


def test_an_argument_that_is_no_data_is_not_looked_at() -> None:
    inner = Function(lambda s, x, what: s.b(half(s.a(x))) * what.factor, a=nn.Linear(5, 6), b=nn.Linear(3, 4))
    what = type("What", (), {"factor": 2.0})()
    space = thorough(seeded(lambda: Function(lambda s, x: s.inner(x, what), inner=inner)), tokens())
    assert program_of(space).args == (("v", 0), ("any",))


@pytest.mark.parametrize(
    ("pack", "unpack"),
    [
        (lambda a, b: {"a": a, "more": [b]}, lambda d: d["a"] * d["more"][0]),
        (lambda a, b: (a, (b, None)), lambda d: d[0] * d[1][0]),
        (lambda a, b: [a, b, 3, "text"], lambda d: d[0] * d[1] * d[2]),
    ],
)
def test_results_of_any_form(pack: Any, unpack: Any) -> None:
    inner = Function(lambda s, x: pack(*s.a(x).chunk(2, -1)), a=nn.Linear(5, 6))
    model = seeded(lambda: Function(lambda s, x: s.b(unpack(s.inner(x))), inner=inner, b=nn.Linear(3, 2)))
    space = thorough(model, tokens())
    assert [(group.size, len(group.members)) for group in space.groups] == [(3, 3)]
    assert program_of(space).module == "inner"


def test_results_of_inner_modules_of_any_form() -> None:
    inner = Function(lambda s, x: {"l": s.a(x), "r": (x, [s.c(x)])}, a=nn.Linear(5, 6), c=nn.Linear(5, 6))

    def forward(s: Any, x: Tensor) -> Tensor:
        found = s.inner(x)
        return s.b(half(found["l"] + found["r"][1][0]))

    space = thorough(net(forward, inner=inner), tokens())
    (call,) = [node for node in program_of(space).nodes if node.op == "module:inner"]
    assert call.out[0] == "dict"
    assert dict(call.out[1:])["r"] == (0, (dict(call.out[1:])["l"] + 1,))


def test_constants_of_every_kind() -> None:
    def forward(s: Any, x: Tensor) -> Tensor:
        h = half(s.a(x)).to(torch.float64).clamp(-float("inf"), 0.7).to(memory_format=torch.contiguous_format)
        mask = torch.ones(3, dtype=torch.bool, device=x.device)
        return s.b(functional.gelu(h, approximate="tanh").masked_fill(~mask[0], 0.0))

    space = thorough(net(forward), tokens())
    assert [group.size for group in space.groups] == [3, 3, 4]
    assert ("device", 0) in [value for node in program_of(space).nodes for _, value in node.kwargs]


def test_random_numbers_of_stated_size_follow_the_batch() -> None:
    model = net(lambda s, x: s.b(half(s.a(x)) * torch.zeros(x.shape[0], x.shape[1], 1, dtype=x.dtype).add(2.0)))
    space = thorough(model, tokens(), batches=(1, 5))
    assert ("list", ("scaled", 2, 2), 4, 1) in [node.args[0] for node in program_of(space).nodes if node.args]


def test_sizes_of_a_square_batch() -> None:
    """L is the same number as B: only the second run tells them apart."""
    model = net(lambda s, x: s.b(half(s.a(x)).reshape(x.shape[0] * x.shape[1], 3).view(x.shape[0], x.shape[1], 3)))
    thorough(model, tokens(batch=4, length=4), batches=(1, 3))


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda s, x: s.b(half(s.a(x)) * s.n.item()), "op '_local_scalar_dense' depends on the numbers it reads"),
        (lambda s, x: s.b(half(s.a(x))[s.n[None].nonzero()[0, 0] :]), "op 'nonzero' depends on the numbers it reads"),
        (lambda s, x: s.b(half(s.a(x)) * OUTSIDE[None, :, None]), "it uses a tensor that was made elsewhere"),
        (
            lambda s, x: s.b(
                half(s.a(x)).view(x.shape[0] // 2 + 1, -1, 3).sum(0, keepdim=True) if len(x) < 3 else half(s.a(x))
            ),
            "what it does depends on the batch size",
        ),
        (
            lambda s, x: s.b(half(s.a(x)) + torch.zeros(len(x) ** 2, dtype=x.dtype).mean()),
            "a size depends on the batch in an unusual way",
        ),
    ],
)
def test_what_cannot_be_written_down(forward: Any, reason: str) -> None:
    """The module is not rewritten, nor the model around it, and the reason is said."""
    model = net(forward, n=torch.tensor(2.0))
    space = trace(model, tokens())
    assert space.plan.programs == ()
    assert [group.name for group in space.groups] == ["0.b"]
    assert (
        why(space) == f"'slice' states a size of this axis in the forward of '0', which cannot be rewritten: {reason}"
    )


OUTSIDE = torch.linspace(0.5, 1.5, 4, dtype=torch.float64)


def test_a_module_that_runs_a_module_of_another_is_written_out_in_the_one_around_both() -> None:
    stranger = nn.Linear(3, 4)
    inner = Function(lambda s, x: stranger(half(s.a(x))), a=nn.Linear(5, 6))
    model = seeded(lambda: Function(lambda s, x: s.c(s.inner(x) + s.other(x[..., :3])), inner=inner, other=stranger,
                                    c=nn.Linear(4, 2)))  # fmt: skip
    space = thorough(model, tokens())
    assert program_of(space).module == ""
    assert "it runs 'other', which belongs to another module" in str(space)


def test_a_module_that_reads_a_parameter_of_another_is_written_out_in_the_one_around_both() -> None:
    a = nn.Linear(5, 6)
    inner = Function(lambda s, x: s.b(half(x) * a.bias[:3]), b=nn.Linear(3, 4))
    model = seeded(lambda: Function(lambda s, x: s.c(s.inner(s.a(x))), a=a, inner=inner, c=nn.Linear(4, 2)))
    object.__setattr__(inner, "function", lambda s, x: s.b(half(x) * model.a.bias[:3]))
    space = thorough(model, tokens())
    assert program_of(space).module == ""
    assert [(group.name, group.size) for group in space.groups] == [("a#1", 3), ("a#2", 3), ("inner.b", 4)]


def test_a_result_that_is_no_block_cannot_be_handed_on() -> None:
    """The inner module returns (2, 3) free channels; the one around it takes half of them, which is a block."""
    inner = Function(lambda s, x: s.a(x).unflatten(-1, (2, 3)), a=nn.Linear(5, 6))
    space = thorough(net(lambda s, x: s.b(s.inner(x)[..., 1, :]), inner=inner), tokens())
    assert program_of(space).module == "0"
    assert [group.size for group in space.groups] == [3, 3, 4]
