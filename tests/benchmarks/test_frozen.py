from dataclasses import dataclass

from measure.frozen import general, stuck


@dataclass(frozen=True)
class Kept:
    tensor: str
    axis: int
    kept: int
    reason: str


SHAPES = {"conv.weight": (8, 3, 3, 3), "fc.weight": (10, 8), "fc.bias": (10,), "scale": ()}


def test_only_scalars_that_no_axis_reaches_are_stuck() -> None:
    entries = [
        Kept("conv.weight", 1, 3, "input of the network"),
        Kept("fc.weight", 0, 10, "output of the network"),
        Kept("fc.bias", 0, 10, "output of the network"),
        Kept("norm.running_mean", 0, 8, "a buffer"),
    ]
    found = stuck(SHAPES, ["conv.weight[0]", "fc.weight[1]"], entries)
    assert found.params == 11  # the bias and the scale
    assert found.reasons == {"output of the network": 10, "a single number": 1}
    assert (found.unexplained, found.axes) == (0, 3)


def test_an_axis_that_shrinks_in_part_leaves_its_fixed_indices_stuck() -> None:
    found = stuck({"fc.weight": (10, 8)}, ["fc.weight[1]"], [Kept("fc.weight", 1, 2, "read by 'a.b'")])
    assert found.params == 20
    assert found.reasons == {"read by '*'": 20}


def test_two_shrinking_axes_leave_the_product_of_what_stays() -> None:
    entries = [Kept("w", 0, 2, "x"), Kept("w", 1, 3, "y")]
    assert stuck({"w": (10, 8)}, ["w[0]", "w[1]"], entries).params == 6


def test_a_tensor_nobody_speaks_of_is_unexplained() -> None:
    found = stuck({"lost": (4, 5)}, [], [])
    assert (found.params, found.unexplained, found.reasons) == (20, 20, {"no reason given": 20})


def test_reasons_lose_module_names_but_not_op_names() -> None:
    assert general("op 'cumsum' has no rule in the forward of 'layer1.0'") == (
        "op 'cumsum' has no rule in the forward of '*'"
    )
