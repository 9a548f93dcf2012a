import pytest
import torch
from spaces import numbers
from torch import Tensor, nn

from cpruner.space.rule.pair import keep_two
from cpruner.space.run.tracer import Call, Tracer

CALL = Call("var", torch.ops.aten.var.correction, (numbers(4, 3),), {}, numbers(4))


def tracer() -> Tracer:
    return Tracer(nn.Identity(), {}, lambda *_: None)


@pytest.mark.parametrize(("numbers", "pinned"), [(3, [[1]]), (6, [])])
def test_the_first_channel_stays_where_it_is_alone(numbers: int, pinned: list[list[int]]) -> None:
    own = tracer()
    keep_two(own, CALL, own.sheet.fresh(3), numbers)
    assert [labels.tolist() for labels, _ in own.sheet.frozen] == pinned
    assert all(reason == "'var' needs two channels" for _, reason in own.sheet.frozen)


def test_what_is_pinned_stays_part_of_its_plane() -> None:
    own = tracer()
    keep_two(own, CALL, labels := own.sheet.fresh(3), 3)
    assert torch.equal(own.sheet.living(labels), labels)


def repeated(own: Tracer) -> Tensor:
    return own.sheet.fresh(2).repeat(2)


def defined(own: Tracer) -> Tensor:
    return own.sheet.conjoin((own.sheet.fresh(2)[:, None], own.sheet.fresh(2)[None])).flatten()


@pytest.mark.parametrize("make", [repeated, defined])
def test_channels_of_several_numbers_are_left_alone(make: object) -> None:
    own = tracer()
    keep_two(own, CALL, make(own), 4)  # type: ignore[operator]
    assert own.sheet.frozen == []
