import gc

import torch

from cpruner.repair.watch.trail import Trail, Trails

TRAIL = Trail("fc.weight", (6, 4))


def test_steps_are_taken_in_order() -> None:
    trail = Trail("a", (2, 3), steps=(lambda x: x + 1, lambda x: x * 2, lambda x: x.view(3, 2)))
    assert trail.follow(torch.zeros(2, 3)).tolist() == [[2, 2]] * 3
    assert trail.shaped(torch.arange(6).view(3, 2)).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_bias_is_one_number_per_output_of_a_linear_map() -> None:
    rows, bias = torch.zeros(2, 3, 4), torch.zeros(4)
    assert TRAIL.takes_bias(rows, bias)
    assert not TRAIL.takes_bias(torch.zeros(6, 2, 2), torch.zeros(2)), "heads of two dimensions"
    assert not TRAIL.takes_bias(rows, torch.zeros(1, 4))
    assert not Trail("conv", (6, 3, 4)).takes_bias(torch.zeros(6, 3, 4), bias), "it runs along the places"
    assert not Trail("fc", (6, 4), biased=True).takes_bias(rows, bias), "it has one already"
    assert not Trail("fc", (6, 4), norm="bn.running_mean").takes_bias(rows, bias)


def test_a_tensor_is_on_its_trail_until_it_is_written_into() -> None:
    trails, tensor = Trails([].append), torch.zeros(3)
    assert trails.of(tensor) is None
    assert trails.mark(tensor, TRAIL) is tensor
    assert trails.of(tensor) is TRAIL
    assert trails.of("text") is None
    tensor.add_(1)
    assert trails.of(tensor) is None
    trails.mark(tensor, TRAIL)
    assert trails.of(tensor) is TRAIL


def test_a_tensor_that_is_gone_leaves_no_trail_to_the_next_one() -> None:
    trails = Trails([].append)
    found = []
    for _ in range(100):
        trails.mark(torch.zeros(3), TRAIL)
        gc.collect(0)
        found.append(trails.of(torch.zeros(3)))
    assert found == [None] * 100


def test_whoever_reads_second_branches_off() -> None:
    branched: list[Trail] = []
    trails, tensor = Trails(branched.append), torch.zeros(3)
    trails.mark(tensor, TRAIL)
    assert trails.read(tensor) is TRAIL
    assert branched == []
    assert trails.read(tensor) is TRAIL
    assert branched == [TRAIL]
    assert trails.read(torch.zeros(3)) is None
    trails.mark(tensor, TRAIL)
    trails.read(tensor)
    assert branched == [TRAIL]
