import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from surrogates import candidates, chained, falling

from cpruner.surrogate.exchange import combinations, everything, exchanges
from cpruner.surrogate.problem import Problem


def problem(*widths: int) -> Problem:
    return Problem.of(falling(chained(3, *widths, 2), 0), [("flops", 1e9)], None, np.inf)


def rows(width_NG: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(map(int, width_G)) for width_G in width_NG}


class TestExchanges:
    def test_by_hand(self) -> None:
        found = exchanges(problem(3, 2, 4), np.array([2, 2, 1]))
        assert rows(found) == {(3, 2, 1), (3, 1, 1), (2, 2, 2), (1, 2, 2), (2, 1, 2)}

    def test_steps_grow_with_the_group(self) -> None:
        found = exchanges(problem(64, 2), np.array([32, 2]))
        assert {int(first) for first, second in found if second == 2} == {33, 34, 36, 40, 48}

    def test_from_the_widest_there_is_none(self) -> None:
        assert exchanges(problem(3, 4), np.array([3, 4])).shape == (0, 2)


class TestCombinations:
    def test_every_combination_of_a_few_groups_is_there_once(self) -> None:
        here = np.array([3, 5, 7, 2, 6, 8])
        whole = problem(8, 8, 8, 8, 8, 8)
        seen = set()
        for seed in range(20):
            found = combinations(whole, here, np.random.default_rng(seed))
            changed = [np.unique(values).tolist() for values in found.T if len(set(values.tolist())) > 1]
            assert len(found) == len(rows(found)) == np.prod([len(values) for values in changed]) <= 4096
            seen.add((len(changed), max(map(len, changed))))
        assert (4, 8) in seen
        assert max(groups for groups, _ in seen) > 4

    @given(st.integers(0, 1000))
    def test_the_width_as_it_is_and_its_neighbours_are_among_them(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        here = generator.integers(1, [65, 129, 4])
        found = combinations(problem(64, 128, 3), here, generator)
        assert tuple(here.tolist()) in rows(found)
        assert (found >= 1).all()
        assert (found <= [64, 128, 3]).all()
        for group, widths in enumerate(problem(64, 128, 3).legal):
            if len(set(found[:, group].tolist())) > 1:
                near = {int(here[group]) + step for step in (-1, 0, 1)} & set(widths.tolist())
                assert near <= set(found[:, group].tolist())


def test_everything_is_every_candidate_where_they_are_few() -> None:
    found = everything(problem(3, 5, 2))
    assert found is not None
    assert len(found) == 30
    assert rows(found) == rows(candidates(chained(3, 3, 5, 2, 2)))
    assert everything(problem(64, 64)) is not None
    assert everything(problem(64, 65)) is None
