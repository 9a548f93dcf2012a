import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent.sequences import Sequences


def test_by_hand():
    seen = Sequences.of([torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0]])])
    assert seen.padded_NTO.tolist() == [[[1.0], [2.0]], [[3.0], [0.0]]]
    assert seen.valid_NT.tolist() == [[True, True], [True, False]]
    assert seen.flat_BO.tolist() == [[1.0], [2.0], [3.0]]
    assert seen.last_N.tolist() == [1, 2]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_flat_is_what_was_put_in(lengths):
    parts = [torch.randn(length, 2, generator=torch.Generator().manual_seed(length)) for length in lengths]
    seen = Sequences.of(parts)
    assert torch.equal(seen.flat_BO, torch.cat(parts))
    assert torch.equal(seen.flat_BO[seen.last_N], torch.stack([part[-1] for part in parts]))
    other = seen.with_observations(seen.padded_NTO + 1)
    assert torch.equal(other.flat_BO, torch.cat(parts) + 1)
    assert other.length_N == tuple(lengths)
