from tiny_task import space

from cpruner.env.mask import candidate


def test_the_first_units_of_every_order_are_kept() -> None:
    found = candidate(space(), [0.5, 0.5, 0.25], [(3, 1, 0, 2), (5, 0, 4, 1, 2, 3), (7, 6, 5, 4, 3, 2, 1, 0)])
    assert found.kept == ((1, 3), (0, 4, 5), (6, 7))


def test_groups_without_an_order_keep_the_best_ranked() -> None:
    ranked = space().ranked(((2, 0, 3, 1), (5, 4, 3, 2, 1, 0), (7, 0, 1, 2, 3, 4, 5, 6)))
    assert candidate(ranked, [0.5, 0.5, 0.25]) == ranked.at([0.5, 0.5, 0.25])
    assert candidate(ranked, [0.5, 0.5, 0.25], [(3, 1, 0, 2)]).kept == ((1, 3), (3, 4, 5), (0, 7))
    assert candidate(ranked, [0.5, 0.5, 0.25], [(), (0, 1, 2, 3, 4, 5)]).kept == ((0, 2), (0, 1, 2), (0, 7))
