import torch

from cpruner.space.rule.given import given
from cpruner.space.run.tracer import Call

X = torch.ones(2, 3)


def test_arguments_by_place_and_by_name() -> None:
    call = Call("sum", torch.ops.aten.sum.dim_IntList, (X, [1]), {"keepdim": True}, X.sum(1, keepdim=True))
    assert given(call) == {"self": X, "dim": [1], "keepdim": True}


def test_what_was_not_given_is_missing() -> None:
    call = Call("softmax", torch.ops.aten._softmax.default, (X, 1, False), {}, X.softmax(1))
    assert set(given(call)) == {"self", "dim", "half_to_float"}
    assert set(given(Call("sum", torch.ops.aten.sum.default, (X,), {}, X.sum()))) == {"self"}
